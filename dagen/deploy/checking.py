"""Compares an exported network with the PyTorch network that it was made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from dagen.datasets.loading.transforms import resize
from dagen.deploy.choices import imposed, recorded
from dagen.deploy.runtimes.base import Array, InferenceRuntime
from dagen.deploy.to_onnx import OUTPUTS, choice_names
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
        ties: number of choices (see :mod:`dagen.deploy.choices`) that fell differently.
        tie: by how much such a choice missed the largest pixel, at most, as a share.
        same: share of the pixels that get the same class, with PyTorch's own choices.
    """

    batch: int
    size: tuple[int, int]
    logits: float
    features: float
    ties: int
    tie: float
    same: float

    @property
    def worst(self) -> float:
        """The largest difference of all."""
        return max(self.logits, self.features, self.tie)

    @property
    def passed(self) -> bool:
        """Whether the differences are within :data:`TOLERANCE`."""
        return all(each <= TOLERANCE for each in (self.logits, self.features, self.tie))


def compare(
    network: Network,
    runtime: InferenceRuntime,
    probing: InferenceRuntime | None,
    images: Sequence[Image],
) -> list[Comparison]:
    """Forward images alone and in batches of two, at the file's size and, if free, at another.

    Args:
        network: the PyTorch network, in evaluation mode on the CPU.
        runtime: the exported file.
        probing: the same network with its choices as further outputs; it must give the same
            logits to the bit. Without choices it is not used; None compares with PyTorch's own
            choices.
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
        for batch in batches:
            resized = np.stack([resize(image, size) for image in batch])
            found.append(compare_one(network, runtime, probing, resized))
    return found


def summary(comparisons: Sequence[Comparison], images: str) -> dict[str, Any]:
    """The worst of several comparisons, as it stands in the file's metadata.

    Args:
        comparisons: at least one.
        images: what the images were, in a few words.
    """
    return {
        "logits": max(each.logits for each in comparisons),
        "features": max(each.features for each in comparisons),
        "ties": sum(each.ties for each in comparisons),
        "tie": max(each.tie for each in comparisons),
        "same": min(each.same for each in comparisons),
        "forwards": len(comparisons),
        "sizes": sorted({"x".join(map(str, each.size)) for each in comparisons}),
        "images": images,
        "against": f"torch {torch.__version__}",
        "in": "",
    }


@torch.inference_mode()
def compare_one(
    network: Network, runtime: InferenceRuntime, probing: InferenceRuntime | None, images: Array
) -> Comparison:
    """Compare one batch, (B, H, W, 3) uint8; see :func:`compare`."""
    plain = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    floats = plain.astype(np.float32) / np.float32(255)
    given = plain if runtime.facts.input == "uint8" else floats
    logits, features = runtime(given, OUTPUTS)
    image = torch.from_numpy(floats)
    with recorded(network) as own:
        expected = network(image)
    same = float((logits.argmax(1) == expected.logits.numpy().argmax(1)).mean())
    ties, below = 0, [0.0]
    if own and probing is not None:
        probed, *choices = probing(given, ["logits", *choice_names(network)])
        if not np.array_equal(probed, logits):
            below = [float("inf")]  # its choices say nothing about this file
        theirs = [torch.from_numpy(choice) for choice in choices]
        ties = sum(int((a != b).any(2).sum()) for a, b in zip(own, theirs, strict=True))
        with imposed(network, theirs) as missed:
            expected = network(image)
        below += missed
    return Comparison(
        batch=len(images),
        size=(images.shape[1], images.shape[2]),
        logits=_difference(logits, expected.logits.numpy()),
        features=_difference(features, expected.features.numpy()),
        ties=ties,
        tie=max(below),
        same=same,
    )


def _difference(ours: Array, theirs: Array) -> float:
    if ours.shape != theirs.shape:
        return float("inf")
    return float(np.abs(ours - theirs).max() / max(1.0, float(np.abs(theirs).max())))
