"""A trained network that strategies ask about the images of each step, and that nobody trains."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dagen.ops import outputs_of
from dagen.types import SegOut


class Asked:
    """A trained network in evaluation mode, without gradients.

    It is no module, so it is in no state file and no optimiser: a run that resumes reads the same
    file again, by its digest. It moves to the images' device when it is first asked there.

    Attributes:
        feature_channels: channels of its ``features``.
        size: height and width in pixels of its input.
        digest: identifies its weights.
    """

    def __init__(
        self, network: nn.Module, size: tuple[int, int], feature_channels: int, digest: str = ""
    ) -> None:
        """Wrap a network, which is put into evaluation mode.

        Args:
            network: answers (B, 3, H, W) in [0, 1] with a :class:`~dagen.types.SegOut`; it
                normalises inside. It is not copied.
            size: height and width in pixels at which it sees the training images.
            feature_channels: channels of its ``features``.
            digest: identifies its weights.
        """
        self.size = size
        self.feature_channels = feature_channels
        self.digest = digest
        self._network = network.eval().requires_grad_(False)
        self._device: torch.device | None = None

    @torch.no_grad()
    def __call__(self, image: Tensor) -> SegOut:
        """Its output for training images.

        Args:
            image: (B, 3, H, W) in [0, 1], of any size; resized to :attr:`size`, bilinear and
                averaged where it shrinks.
        """
        if self._device != image.device:
            self._network.to(image.device).to(memory_format=torch.channels_last)
            self._device = image.device
        out: SegOut = self._network(resized(image, self.size))
        return out

    def encoder(self, image: Tensor) -> dict[int, Tensor]:
        """Its encoder's maps for training images, by their stride in its input.

        Args:
            image: see :meth:`__call__`.

        Returns:
            (B, D, h, w) maps; none if the network names none (``Network.encoder_maps``).
        """
        with outputs_of(self._network, getattr(self._network, "encoder_maps", ())) as found:
            self(image)
        return by_stride(found.values(), self.size[0])


def by_stride(maps: Iterable[Tensor], height: int) -> dict[int, Tensor]:
    """Maps (B, D, h, w) by the stride at which they see images of ``height``; of two, the later."""
    return {height // x.shape[2]: x for x in maps}


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, C, H, W) at ``size``, bilinear, averaged where it shrinks; dtype and layout stay."""
    if (x.shape[-2], x.shape[-1]) == size:
        return x
    shrinks = size[0] * size[1] < x.shape[-2] * x.shape[-1]
    return F.interpolate(x, size, mode="bilinear", align_corners=False, antialias=shrinks)
