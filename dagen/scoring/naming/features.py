"""ImageNet features of regions: those of EfficientNet-Lite0's block 10, averaged over the region.

Materials show in the middle of the network and not at its end. On 72 regions of TACO's training
photographs that U2-Net-p finds, probes on block 10 (stride 16) name 46 to 53 % right over three
strengths of the regularisation, on block 15 (stride 32) 38 to 42 %, and on what goes into
ImageNet's classifier 33 to 36 %, each averaged over the region.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dagen.models.layers.efficientnet_lite import PIXEL_MEAN, PIXEL_STD, EfficientNetLite
from dagen.models.layers.pretrained import EFFICIENTNET_LITE0
from dagen.models.lite import load_imagenet
from dagen.types import Image, Pixels

BLOCK = 10
"""Number of the block."""
STRIDE = 16
_BATCH = 16
_SPECK = 1e-4
"""Added to every cell's share of the region: a region between the cells is still somewhere."""

Vectors = NDArray[np.float32]
"""(N, D): a feature vector for each of N regions."""


class ImageNetFeatures:
    """Feature vectors of regions.

    The network is built on first use, and again in another process.

    Attributes:
        digest: identifies the network.
        seen: what it has learned from.
    """

    digest = f"efficientnet-lite0/{BLOCK} {EFFICIENTNET_LITE0.sha256}"
    seen = EFFICIENTNET_LITE0.data

    def __init__(self) -> None:
        self._network: EfficientNetLite | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"_network": None}

    def ready(self) -> None:
        """Refuse to begin without the weights.

        Raises:
            DagenError: they are not installed; the message says how to get them.
        """
        EFFICIENTNET_LITE0.require()

    @torch.no_grad()
    def __call__(self, pictures: Sequence[tuple[Image, Pixels]]) -> Vectors:
        """The vectors, (N, 112).

        Args:
            pictures: N regions: (side, side, 3) uint8 RGB, and (side, side) uint8, how much of each
                pixel is the region. All sides are the same multiple of 16.

        Raises:
            DagenError: the weights are missing or damaged.
        """
        network = self._opened()
        found = [np.empty((0, network.outputs[STRIDE]), np.float32)]
        for first in range(0, len(pictures), _BATCH):
            some = pictures[first : first + _BATCH]
            pixels = torch.from_numpy(np.stack([image for image, _ in some]))
            x = pixels.permute(0, 3, 1, 2).float() / 255
            maps: Tensor = network((x - PIXEL_MEAN) / PIXEL_STD)[STRIDE]
            cells = maps.shape[2], maps.shape[3]
            weight = torch.from_numpy(np.stack([_shares(mask, cells) for _, mask in some]))[:, None]
            found.append(((maps * weight).sum((2, 3)) / weight.sum((2, 3))).numpy())
        return np.concatenate(found)

    def _opened(self) -> EfficientNetLite:
        if self._network is None:
            with torch.random.fork_rng(devices=[]):
                network = EfficientNetLite(BLOCK)
            load_imagenet(network)
            self._network = network.eval()
        return self._network


def _shares(mask: Pixels, cells: tuple[int, int]) -> NDArray[np.float32]:
    """How much of each cell is the region, in [0, 1]."""
    shares = cv2.resize(mask, cells[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(shares.astype(np.float32) / 255 + np.float32(_SPECK), np.float32)
