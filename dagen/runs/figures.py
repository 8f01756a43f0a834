"""The figures of a run: which there are, what they are called, how they are written.

A figure's key is the one that :meth:`dagen.scoring.metrics.Scores.to_dict` gives it, such as
``miou`` or ``iou/paper``; its value is a fraction of 1, NaN or None where it is not defined.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

Scores = Mapping[str, float]
"""Figures of one data set by key."""

SUMMARY = ("miou", "foreground_miou", "waste_iou")
"""The figures that sum a data set up, best known first."""
HEADLINE = {"binary": "waste_iou", "material": "foreground_miou"}
"""The figure that each task is about."""
MISSING = "–"
"""What stands in a table where a figure is not defined."""

_CLASS = "iou/"
_TITLES = {
    "miou": "mIoU",
    "foreground_miou": "foreground mIoU",
    "waste_iou": "waste IoU",
    "pixel_accuracy": "accuracy",
    "ece": "ECE",
}


def title(figure: str) -> str:
    """A figure's name in tables and sentences; that of a class is the class's own."""
    return _TITLES.get(figure, figure.removeprefix(_CLASS))


def classes(scores: Iterable[Scores]) -> list[str]:
    """The figures ``iou/...`` of single classes, in the order of their ids."""
    return list(dict.fromkeys(name for one in scores for name in one if name.startswith(_CLASS)))


def of_picks(task: str) -> tuple[str, ...]:
    """What a validator's pick is told by; with the task ``binary`` both figures are one."""
    return ("waste_iou",) if task == "binary" else ("waste_iou", "foreground_miou")


def percent(value: float | None, digits: int = 1) -> str:
    """``0.1234`` as ``12.3``; what is not defined as a dash."""
    return MISSING if value is None or math.isnan(value) else f"{100 * value:.{digits}f}"


def points(value: float | None, before: float | None = 0.0) -> str:
    """The change in percentage points, such as ``+1.2`` or ``−0.3``.

    Args:
        value: the figure, or the change itself where ``before`` is left out.
        before: what it was.
    """
    if value is None or before is None or math.isnan(value - before):
        return MISSING
    return f"{100 * (value - before):+.1f}".replace("-", "−")
