"""The few types that all packages of dagen share.

==========  =============  ==========  =======================================
name        shape          dtype       values
==========  =============  ==========  =======================================
image       (B, 3, H, W)   float32     RGB in [0, 1]; networks normalise inside
label       (B, H, W)      int64       class ids of the task, 255 is ignored
index       (B,)           int64       position in the data set
map         (B, H, W) or   float32     from the image alone, never from a label
            (B, K, H, W)
logits      (B, C, h, w)   float32     at the network's own stride
features    (B, D, h, w)   float32     what the classifier sees
==========  =============  ==========  =======================================
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

IGNORE = 255
"""The label that losses and scores ignore."""

Domain = Literal["source", "target"]

Image = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB, upright."""
Label = NDArray[np.uint8]
"""(H, W) uint8 class ids of the task; 255 is ignored."""
Pixels = NDArray[np.uint8]
"""An :data:`Image`, a :data:`Label` or a drawing, for functions that take any of them."""


class Task(StrEnum):
    """The segmentation task."""

    BINARY = "binary"
    MATERIAL = "material"

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of their ids; id 0 is the background."""
        if self is Task.BINARY:
            return ("background", "waste")
        return ("background", "aluminium", "paper", "bottle", "nylon")

    @property
    def num_classes(self) -> int:
        """Number of classes, background included."""
        return len(self.classes)


@dataclass(frozen=True, slots=True)
class View:
    """Images of one domain; ``label`` is None if a method may not see it.

    The source view has all labelled images: with target labels, its last ``target_rows`` images
    come from the target. ``maps`` has, by name, the per-image maps that the parts need
    (``Method.maps``); see ``dagen.datasets.maps``.
    """

    image: Tensor
    index: Tensor
    label: Tensor | None = None
    target_rows: int = 0
    maps: dict[str, Tensor] = field(default_factory=dict)

    def to(self, device: torch.device) -> View:
        """The same view on ``device``, images in channels-last memory."""
        return View(
            self.image.to(device, memory_format=torch.channels_last, non_blocking=True),
            self.index.to(device, non_blocking=True),
            None if self.label is None else self.label.to(device, non_blocking=True),
            self.target_rows,
            {name: map_.to(device, non_blocking=True) for name, map_ in self.maps.items()},
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's images. A domain that no part needs is None."""

    source: View | None = None
    target: View | None = None

    def to(self, device: torch.device) -> Batch:
        """The same batch on ``device``."""
        return Batch(
            None if self.source is None else self.source.to(device),
            None if self.target is None else self.target.to(device),
        )


class SegOut(NamedTuple):
    """A network's output for a batch of images."""

    logits: Tensor
    features: Tensor
    aux: tuple[Tensor, ...] = ()
    """Logits of the auxiliary heads; empty outside training."""
