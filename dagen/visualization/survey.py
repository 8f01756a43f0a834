"""What is known of the images of both domains: scores, drawn points, features, small pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagen.datasets.base import Dataset
from dagen.scoring.metrics import Scores
from dagen.types import Task
from dagen.visualization.networks import Checkpoint
from dagen.visualization.objects import Object

DOMAINS = ("source", "target")
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Side:
    """The images of one domain.

    Attributes:
        name: the data set.
        dataset: one labelled split of it.
        chosen: the images that are looked at.
    """

    name: str
    dataset: Dataset
    chosen: list[int]

    @property
    def told(self) -> str:
        """Which images these are, for captions."""
        return (
            f"{self.name} {self.dataset.split} ({len(self.chosen)} of {len(self.dataset)} images)"
        )


@dataclass(frozen=True)
class Picture:
    """One image and what the networks made of it.

    Attributes:
        domain: 0 source, 1 target.
        index: in its data set.
        name: what the data set calls it.
        scene: its scene tag, where there is one.
        photo: JPEG.
        truth: PNG of the label, see :mod:`.thumbnails`.
        predictions: likewise, for each network.
        scores: of each network on this image alone.
        objects: labelled objects and what became of them; of target images only.
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
    """The drawn pixels; every array has one entry for each.

    Attributes:
        domain: uint8, 0 source, 1 target.
        picture: int64, position in :attr:`Survey.pictures`.
        y: float32, place in the image from 0 (top) to 1.
        x: float32, from 0 (left) to 1.
        label: uint8, the class in truth.
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
    """Everything that was seen.

    Attributes:
        task: what is segmented.
        checkpoints: the networks, ``before`` first.
        sides: source and target.
        pictures: the images, those of the source first.
        points: the drawn pixels, the same for every network.
        features: (K, P, D) as a list: what each network's classifier sees there.
        predictions: (K, P) uint8.
        confidence: (K, P) float32, the largest class probability.
        seed: of the draw.
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
    def classes(self) -> tuple[str, ...]:
        """Class names by id."""
        return self.task.classes


def pooled(scores: Sequence[Scores], task: Task) -> Scores:
    """Scores of many images as one: their counts are added up."""
    total = Scores(task)
    for each in scores:
        total.confusion += each.confusion
        total.calibration += each.calibration
    return total
