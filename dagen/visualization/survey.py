"""The data behind all figures: scores, drawn points, features, thumbnails of both domains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagen.datasets.base import Dataset
from dagen.scoring.found_objects import Object
from dagen.scoring.metrics import Scores
from dagen.types import Task
from dagen.visualization.embedding import Floats
from dagen.visualization.networks import Checkpoint

DOMAINS = ("source", "target")


@dataclass(frozen=True)
class Side:
    """The images of one domain.

    Attributes:
        name: name of the data set.
        dataset: one split of it; that of the source has labels.
        chosen: indices of the images in use.
    """

    name: str
    dataset: Dataset
    chosen: list[int]

    @property
    def labelled(self) -> bool:
        """Whether there are labels to read."""
        return self.dataset.has_labels

    @property
    def told(self) -> str:
        """Description of these images for captions."""
        return (
            f"{self.name} {self.dataset.split} ({len(self.chosen)} of {len(self.dataset)} images)"
        )


@dataclass(frozen=True)
class Picture:
    """One image and what the networks predict for it.

    Attributes:
        domain: 0 source, 1 target.
        index: index in its data set.
        name: name in its data set.
        scene: its scene tag, if there is one.
        photo: the image as JPEG.
        truth: the label as PNG, see :mod:`.thumbnails`; empty without a label.
        predictions: each network's prediction as PNG.
        scores: each network's scores on this image alone; they count nothing without a label.
        objects: labelled objects and how they were predicted; target images only.
    """

    domain: int
    index: int
    name: str
    scene: str | None
    photo: bytes
    truth: bytes
    predictions: list[bytes]
    scores: list[Scores]
    objects: list[Object]


@dataclass(frozen=True)
class Points:
    """The drawn pixels; every array has one entry per pixel.

    Attributes:
        domain: uint8, 0 source, 1 target.
        picture: int64, position in :attr:`Survey.pictures`.
        y: float32, position in the image from 0 (top) to 1.
        x: float32, from 0 (left) to 1.
        label: uint8, the true class; ``IGNORE`` where none is known.
    """

    domain: NDArray[np.uint8]
    picture: NDArray[np.int64]
    y: Floats
    x: Floats
    label: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.label)


@dataclass(frozen=True)
class Survey:
    """All results of the pass over the images.

    Attributes:
        task: what is segmented.
        checkpoints: the networks, ``before`` first.
        sides: source and target.
        pictures: the images, those of the source first.
        points: the drawn pixels, the same for every network.
        features: (K, P, D) as a list: the input of each network's classifier there.
        predictions: (K, P) uint8 class ids.
        confidence: (K, P) float32, the largest class probability.
        seed: seed of the draw.
    """

    task: Task
    checkpoints: list[Checkpoint]
    sides: tuple[Side, Side]
    pictures: list[Picture]
    points: Points
    features: list[Floats]
    predictions: NDArray[np.uint8]
    confidence: Floats
    seed: int

    def scores(self, network: int, domain: int) -> Scores:
        """The scores of one network over all images of one domain."""
        return pooled([p.scores[network] for p in self.pictures if p.domain == domain], self.task)

    @property
    def labelled(self) -> bool:
        """Whether both domains have labels, so that there are figures of errors."""
        return all(side.labelled for side in self.sides)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names by id."""
        return self.task.classes


def pooled(scores: Sequence[Scores], task: Task) -> Scores:
    """Scores of many images together: their counts are added up."""
    total = Scores(task, scores[0].absent if scores else ())
    for each in scores:
        total.confusion += each.confusion
        total.calibration += each.calibration
    return total
