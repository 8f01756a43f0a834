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

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dagen.colours import Colour, colours_of
from dagen.errors import UsageError, unknown

if TYPE_CHECKING:  # a predictor of an exported file runs where there is no torch
    import torch
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


@dataclass(frozen=True)
class Task:
    """What is segmented: the classes, in the order of their ids.

    Attributes:
        name: ``binary``, ``material``, or ``classes`` for the classes of a data set.
        classes: names of the classes.
        colours: RGB of each class in pictures; by default those of :mod:`dagen.colours`.
        background: whether class 0 is the background. Street scenes, for instance, have none:
            every class is then foreground.

    Raises:
        UsageError: fewer than 2 classes or more than 255, a name without letters or given twice,
            or another number of colours.
    """

    name: str
    classes: tuple[str, ...]
    colours: tuple[Colour, ...] = ()
    background: bool = True

    BINARY: ClassVar[Task]
    """Background and waste."""
    MATERIAL: ClassVar[Task]
    """Background and four materials."""

    def __post_init__(self) -> None:
        count = len(self.classes)
        if not 2 <= count <= IGNORE:
            raise UsageError(
                f"a task has 2 to {IGNORE} classes, background included; this one has {count}."
            )
        names = Counter(name.casefold() for name in self.classes)
        if bad := [name for name in self.classes if not name.strip() or names[name.casefold()] > 1]:
            raise UsageError(f"class names must differ and not be empty; see {bad[0]!r}.")
        if not self.colours:
            object.__setattr__(self, "colours", colours_of(self.classes))
        if len(self.colours) != count:
            raise UsageError(f"there are {len(self.colours)} colours for {count} classes.")

    @classmethod
    def named(cls, name: str) -> Task:
        """A built-in task by its name.

        Raises:
            UsageError: there is no built-in task of that name.
        """
        for task in PRESETS:
            if task.name == name:
                return task
        raise unknown("task", name, [task.name for task in PRESETS])

    def __str__(self) -> str:
        return self.name

    @property
    def num_classes(self) -> int:
        """Number of classes, background included."""
        return len(self.classes)

    @property
    def foreground(self) -> range:
        """The ids of all classes but the background."""
        return range(int(self.background), self.num_classes)

    @property
    def key(self) -> str:
        """A string that changes when the meaning of an id does: a built-in task's name."""
        if self in PRESETS:
            return self.name
        return f"{self.name}:{int(self.background)}:{':'.join(map(repr, self.classes))}"


Task.BINARY = Task("binary", ("background", "waste"))
Task.MATERIAL = Task("material", ("background", "aluminium", "paper", "bottle", "nylon"))
PRESETS = (Task.BINARY, Task.MATERIAL)
"""The built-in tasks."""


MIRRORED = "mirrored:"
"""Prefix of a map's name: the same teacher's map of the mirrored image, mirrored back."""
NAMED = "named:"
"""Prefix of a map's name: the same teacher's regions, with the probabilities of all classes."""
WORDS = "words"
"""What is said of a named map besides its name: categories of ImageNet for classes."""


@dataclass(frozen=True)
class Pasting:
    """Objects of unlabelled images on other ones, as a strategy wants its target images.

    Attributes:
        share: share of the target images that get objects of others, in [0, 1].
        empty: a data set of scenes without objects, which join the target images.
        empty_share: share of the target images that are such scenes.
    """

    share: float = 0.0
    empty: str | None = None
    empty_share: float = 0.0


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
        import torch

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
