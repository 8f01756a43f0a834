"""The metric and the geometry of the course's starter code, to compare with older reports only.

**The metric flatters.** Counts are kept for each batch, a class that is absent from truth and
prediction of a batch has an IoU of 1, and the batches' means are averaged. With five classes of
which a batch shows two, three ones are given away; a network that never finds anything can score
above 0.7 (``docs/course.md`` has an example). :class:`dagen.scoring.metrics.Scores` is what dagen
reports.

What is counted is dagen's own answer, the class with the highest probability. For the binary task
the starter code called a pixel foreground where its one logit was above 0.5: a probability of 0.62.

**The geometry** scales the shorter side of an image to 256 pixels and cuts 224x448 from the middle.
Where the image is smaller, black is added, which is labelled as background.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from dagen.datasets.base import Dataset
from dagen.datasets.loading.wrappers import Wrapper
from dagen.scoring.evaluation import count
from dagen.scoring.metrics import Scores
from dagen.scoring.predictor import Predictor
from dagen.types import Image, Label

Metric = Literal["dagen", "starter"]
Geometry = Literal["dagen", "starter"]

SHORTER = 256
"""Pixels of an image's shorter side after scaling."""
CUT = (224, 448)
"""Height and width of the part that is scored."""
BATCH = 16
"""Images per batch of the metric."""
WARNING = (
    "The starter code's metric: a mean over batches in which absent classes count as 1. It "
    "flatters, and cannot be compared with any other table."
)
"""What stands beside every such score."""


class StarterGeometry(Wrapper):
    """A data set as the starter code's validation shows it."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(dataset)
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def behind(self, index: int) -> tuple[Dataset, int]:
        """The data set itself."""
        return self._dataset, index

    def met(self) -> Mapping[str, str]:
        """The names of the data set."""
        return self._dataset.met()

    @property
    def has_labels(self) -> bool:
        """Whether labels can be read."""
        return self._dataset.has_labels

    @property
    def labelled(self) -> Sequence[int]:
        """Positions of the images that have a label."""
        return self._dataset.labelled

    def image(self, index: int) -> Image:
        """The image, scaled and cut: (224, 448, 3) uint8."""
        return cut(self._dataset.image(index), cv2.INTER_LINEAR)

    def label(self, index: int) -> Label:
        """The label, scaled and cut: (224, 448) uint8."""
        return cut(self._dataset.label(index), cv2.INTER_NEAREST)


def cut(array: NDArray[np.uint8], interpolation: int) -> NDArray[np.uint8]:
    """The middle of an image or label whose shorter side is scaled to 256 pixels; 0 outside.

    Args:
        array: (H, W) or (H, W, 3).
        interpolation: of OpenCV.
    """
    height, width = array.shape[:2]
    scale = SHORTER / min(height, width)
    size = (round(width * scale), round(height * scale))
    scaled = np.asarray(cv2.resize(array, size, interpolation=interpolation), np.uint8)
    out = np.zeros((*CUT, *array.shape[2:]), np.uint8)
    inside, outside = [], []
    for wanted, there in zip(CUT, scaled.shape[:2], strict=True):
        shown = min(wanted, there)
        inside.append(slice((there - shown) // 2, (there - shown) // 2 + shown))
        outside.append(slice((wanted - shown) // 2, (wanted - shown) // 2 + shown))
    out[tuple(outside)] = scaled[tuple(inside)]
    return out


def starter_scores(
    predictor: Predictor,
    dataset: Dataset,
    *,
    batch: int = BATCH,
    on_image: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """The starter code's scores: ``starter_miou``, and ``starter_iou/CLASS`` of each class.

    Args:
        predictor: a predictor of the data set's task.
        dataset: a data set with labels.
        batch: images per batch; the result depends on it.
        on_image: called after each image.

    Raises:
        DataError: an image or label is missing or damaged.
    """
    classes = dataset.task.classes
    totals, batches = [0.0] * len(classes), 0
    labelled = list(dataset.labelled)
    for first in range(0, len(labelled), batch):
        scores = Scores(dataset.task)
        for index in labelled[first : first + batch]:
            count(scores, [(predictor(dataset.image(index)), dataset.label(index))])
            on_image()
        flattered = [1.0 if math.isnan(iou) else iou for iou in scores.iou]
        totals = [total + iou for total, iou in zip(totals, flattered, strict=True)]
        batches += 1
    means = [total / max(1, batches) for total in totals]
    found = {f"starter_iou/{name}": mean for name, mean in zip(classes, means, strict=True)}
    return {"starter_miou": sum(means) / len(means), **found}
