"""Compares an exported network with the PyTorch network that it was made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from dagen.datasets.loading.transforms import resize
from dagen.deploy.runtimes.base import Array, InferenceRuntime
from dagen.models.base import Network
from dagen.types import Image

TOLERANCE = 1e-4
"""Largest difference of an exported file from PyTorch, as a share of the largest output."""


@dataclass(frozen=True)
class Comparison:
    """One batch in both runtimes.

    Attributes:
        batch: number of images.
        size: height and width in pixels.
        logits: largest difference of a logit, divided by the largest logit or by 1 if that is
            more.
        features: the same of the features.
        same: share of the pixels that get the same class.
    """

    batch: int
    size: tuple[int, int]
    logits: float
    features: float
    same: float

    @property
    def passed(self) -> bool:
        """Whether the differences are within :data:`TOLERANCE`."""
        return max(self.logits, self.features) <= TOLERANCE  # false for NaN


def compare(
    network: Network, runtime: InferenceRuntime, images: Sequence[Image]
) -> list[Comparison]:
    """Forward images alone and in batches of two, at the file's size and, if free, at another.

    Args:
        network: the PyTorch network, in evaluation mode on the CPU.
        runtime: the exported file.
        images: at least one; they are resized, and their aspect is not kept.
    """
    facts = runtime.facts
    height, width = facts.card.size
    sizes = [(height, width)]
    if facts.dynamic:
        sizes.append((height + facts.multiple, width + 3 * facts.multiple))
    found = []
    for size in sizes:
        batches = [images[i : i + 1] for i in range(len(images))] + [[images[0], images[-1]]]
        found += [
            _one(network, runtime, np.stack([resize(image, size) for image in batch]))
            for batch in batches
        ]
    return found


def summary(comparisons: Sequence[Comparison], images: str) -> dict[str, Any]:
    """The worst of several comparisons, as it stands in the file's metadata.

    Args:
        comparisons: at least one.
        images: what the images were, in a few words.
    """
    worst = max(comparisons, key=lambda each: max(each.logits, each.features))
    return {
        **asdict(worst),
        "same": min(each.same for each in comparisons),
        "forwards": len(comparisons),
        "sizes": sorted({"x".join(map(str, each.size)) for each in comparisons}),
        "images": images,
        "against": f"torch {torch.__version__}",
        "in": "",
    }


@torch.inference_mode()
def _one(network: Network, runtime: InferenceRuntime, images: Array) -> Comparison:
    """Compare one batch, (B, H, W, 3) uint8."""
    plain = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    floats = plain.astype(np.float32) / np.float32(255)
    expected = network(torch.from_numpy(floats))
    given = plain if runtime.facts.input == "uint8" else floats
    logits, features = runtime(given, features=True)
    theirs = expected.logits.numpy(), expected.features.numpy()
    return Comparison(
        batch=len(images),
        size=(images.shape[1], images.shape[2]),
        logits=_difference(logits, theirs[0]),
        features=_difference(features, theirs[1]),
        same=float((logits.argmax(1) == theirs[0].argmax(1)).mean()),
    )


def _difference(ours: Array, theirs: Array) -> float:
    if ours.shape != theirs.shape:
        return float("inf")
    return float(np.abs(ours - theirs).max() / max(1.0, float(np.abs(theirs).max())))
