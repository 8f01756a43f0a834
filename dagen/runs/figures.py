"""The scores of a run: their keys, their names in text, their formatting.

A figure is one score. Its key comes from :meth:`dagen.scoring.metrics.Scores.to_dict`, such as
``miou`` or ``iou/paper``; its value is a fraction of 1, NaN or None if it is not defined.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

Scores = Mapping[str, float]
"""Scores on one data set by key."""

SUMMARY = ("miou", "foreground_miou", "waste_iou")
"""The figures that summarise a data set, best known first."""
MISSING = "–"
"""The entry of tables for a figure that is not defined."""

_CLASS = "iou/"
_TITLES = {
    "miou": "mIoU",
    "foreground_miou": "foreground mIoU",
    "waste_iou": "waste IoU",
    "pixel_accuracy": "accuracy",
    "ece": "ECE",
}


def headline(task: str) -> str:
    """The headline figure of a task, given its name."""
    return "waste_iou" if task == "binary" else "foreground_miou"


def title(figure: str) -> str:
    """A figure's name in tables and sentences; a class's IoU has the class's name."""
    return _TITLES.get(figure, figure.removeprefix(_CLASS))


def classes(scores: Iterable[Scores]) -> list[str]:
    """The keys ``iou/...`` of single classes, in the order of their ids."""
    return list(dict.fromkeys(name for one in scores for name in one if name.startswith(_CLASS)))


def percent(value: float | None, digits: int = 1) -> str:
    """``0.1234`` as ``12.3``; a dash if it is not defined."""
    return MISSING if value is None or math.isnan(value) else f"{100 * value:.{digits}f}"


def points(value: float | None, before: float | None = 0.0) -> str:
    """The change in percentage points, such as ``+1.2`` or ``−0.3``.

    Args:
        value: the figure, or the change itself without ``before``.
        before: the figure before.
    """
    if value is None or before is None or math.isnan(value - before):
        return MISSING
    return f"{100 * (value - before):+.1f}".replace("-", "−")
