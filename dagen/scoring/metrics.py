"""Scores of a segmentation, from counts over a whole data set.

Counts add up over images and processes. A mean of per-image scores does not, and it is meaningless
if absent classes get the score 1.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import torch
from torch import Tensor

from dagen.errors import DataError
from dagen.types import IGNORE, Task

BINS = 15
"""Bins of the calibration error, of equal width (Guo et al., ICML 2017)."""


def confusion(prediction: Tensor, label: Tensor, num_classes: int) -> Tensor:
    """Pixel counts, (C, C) int64: rows are the truth, columns the prediction.

    Args:
        prediction: class ids of any shape, int64, in 0 ... C - 1.
        label: class ids of the same shape; 255 is ignored.
        num_classes: number of classes, C.

    Raises:
        DataError: an id that is neither a class nor 255.
    """
    valid = label != IGNORE
    pairs = torch.stack([label[valid], prediction[valid]])
    if pairs.numel() and not 0 <= pairs.min() <= pairs.max() < num_classes:
        raise DataError(
            f"class ids run from {int(pairs.min())} to {int(pairs.max())}; allowed are 0 to "
            f"{num_classes - 1}, and {IGNORE} for pixels to ignore."
        )
    cells = pairs[0] * num_classes + pairs[1]
    return cells.bincount(minlength=num_classes**2).view(num_classes, num_classes)


def calibration(probability: Tensor, label: Tensor, bins: int = BINS) -> Tensor:
    """Sums for the calibration error, (3, bins) float64: pixels, their confidence, the correct.

    Args:
        probability: (C, H, W) float, probability of each class.
        label: (H, W) int64; 255 is ignored.
        bins: number of bins of equal width over the confidence.
    """
    confidence, prediction = probability.max(0)
    valid = label != IGNORE
    confidence = confidence[valid].double()
    correct = (prediction[valid] == label[valid]).double()
    bin_of = (confidence * bins).ceil().long().clamp(1, bins) - 1  # (lower, upper]
    sums = torch.stack([torch.ones_like(confidence), confidence, correct])
    out = torch.zeros(3, bins, dtype=torch.float64, device=label.device)
    return out.index_add_(1, bin_of, sums)


class Scores:
    """All scores of one network on one data set.

    Every score is NaN if it is not defined, such as the IoU of a class that is absent from truth
    and prediction, or that the data set does not have at all; means leave these out.

    Attributes:
        task: what is segmented.
        absent: ids of the classes that the data set does not have. Their IoU would be 0 for any
            network that predicts a pixel of them, and undefined for all others; pixels that are
            predicted so are still wrong for the classes that they are of.
        confusion: (C, C) int64, rows are the truth.
        calibration: (3, bins) float64, see :func:`calibration`.
    """

    def __init__(self, task: Task, absent: Collection[int] = ()) -> None:
        self.task = task
        self.absent = frozenset(absent)
        self.confusion = torch.zeros(task.num_classes, task.num_classes, dtype=torch.int64)
        self.calibration = torch.zeros(3, BINS, dtype=torch.float64)

    def update(self, probability: Tensor, label: Tensor) -> None:
        """Count one image.

        Args:
            probability: (C, H, W) float, probability of each class, at the label's resolution.
            label: (H, W) int64.

        Raises:
            DataError: sizes differ, or an unknown class id.
        """
        if probability.shape != (self.task.num_classes, *label.shape):
            raise DataError(
                f"probabilities are {tuple(probability.shape)}; the label {tuple(label.shape)} "
                f"of task {self.task} needs {(self.task.num_classes, *label.shape)}."
            )
        matrix = confusion(probability.argmax(0), label, self.task.num_classes)
        self.confusion += matrix.to(self.confusion.device)
        self.calibration += calibration(probability, label).to(self.calibration.device)

    @property
    def iou(self) -> list[float]:
        """Intersection over union of each class."""
        hit = self.confusion.diag()
        union = self.confusion.sum(0) + self.confusion.sum(1) - hit
        found = [_ratio(h, u) for h, u in zip(hit.tolist(), union.tolist(), strict=True)]
        return [math.nan if value in self.absent else iou for value, iou in enumerate(found)]

    @property
    def miou(self) -> float:
        """Mean IoU of all classes, background included."""
        return _mean(self.iou)

    @property
    def foreground_miou(self) -> float:
        """Mean IoU of all classes but the background, if the task has one."""
        return _mean(self.iou[self.task.foreground.start :])

    @property
    def waste_iou(self) -> float:
        """IoU of foreground against background, with all foreground classes as one.

        It is not defined for a task without background.
        """
        if not self.task.background:
            return math.nan
        matrix = self.confusion
        hit = int(matrix[1:, 1:].sum())
        return _ratio(hit, int(matrix.sum() - matrix[0, 0]))

    @property
    def pixel_accuracy(self) -> float:
        """Share of correct pixels. Background dominates it, so never report it alone."""
        return _ratio(int(self.confusion.trace()), int(self.confusion.sum()))

    @property
    def ece(self) -> float:
        """Expected calibration error in [0, 1]: mean gap between confidence and accuracy."""
        pixels, confidence, correct = self.calibration
        return _ratio(float((confidence - correct).abs().sum()), float(pixels.sum()))

    def to_dict(self) -> dict[str, float]:
        """The scores by name, such as ``iou/paper``; those that are NaN are left out."""
        values = {f"iou/{c}": v for c, v in zip(self.task.classes, self.iou, strict=True)}
        values |= {
            "miou": self.miou,
            "foreground_miou": self.foreground_miou,
            "waste_iou": self.waste_iou,
            "pixel_accuracy": self.pixel_accuracy,
            "ece": self.ece,
        }
        return {name: value for name, value in values.items() if not math.isnan(value)}


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _mean(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
