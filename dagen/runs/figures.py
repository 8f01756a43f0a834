"""The scores of a run: their keys, their names in text, their formatting.

A figure is one score. Its key comes from :meth:`dagen.scoring.metrics.Scores.to_dict`, such as
``miou`` or ``iou/paper``; its value is a fraction of 1, NaN or None if it is not defined.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

Scores = Mapping[str, float]
"""Scores on one data set by key."""

SUMMARY = ("foreground_miou", "waste_iou", "miou")
"""The figures that summarise a data set; :func:`summary` says which of them lead."""
ECE = (
    "ECE (expected calibration error) is the mean gap between how sure the network is of a pixel "
    "and how often it is right; 0 is best."
)
"""What the calibration error is, for readers of a table."""
MISSING = "–"
"""The entry of tables for a figure that is not defined."""

_CLASS = "iou/"
_TITLES = {
    "miou": "mIoU",
    "foreground_miou": "foreground mIoU",
    "waste_iou": "waste IoU",
    "pixel_accuracy": "accuracy",
    "ece": "ECE",
    "false_alarms": "false alarms",
}


def summary(task: str, scores: Iterable[Scores] = ()) -> tuple[str, ...]:
    """The figures that summarise a data set under a task, the headline first.

    The mean IoU with the background is last: a network that predicts background alone has a high
    one. Without a background it is the mean over all classes, and the headline.

    Args:
        task: name of the task.
        scores: scores under it. Those of the task ``classes`` show whether there is a background.
    """
    if task == "binary":
        return "waste_iou", "miou"
    seen = {figure for one in scores for figure in one}
    if task == "classes" and "miou" in seen and not seen & {"waste_iou", f"{_CLASS}background"}:
        return ("miou",)
    return SUMMARY


def headline(task: str, scores: Iterable[Scores] = ()) -> str:
    """The one figure by which networks are compared under a task; see :func:`summary`."""
    return summary(task, scores)[0]


def of_foreground(task: str, scores: Iterable[Scores] = ()) -> tuple[str, ...]:
    """The :func:`summary` without the mean that counts a background."""
    first, *others = summary(task, scores)
    return (first, *(figure for figure in others if figure != "miou"))


def ordered(task: str, scores: Scores) -> list[str]:
    """The figures of ``scores`` in the order of tables: the summary, single classes, the others."""
    first = [*summary(task, [scores]), *classes([scores])]
    rest = [figure for figure in scores if figure not in (*first, *SUMMARY)]
    return [figure for figure in (*first, *rest) if figure in scores]


def title(figure: str, task: str) -> str:
    """A figure's name in tables and sentences; a class's IoU has the class's name.

    Args:
        figure: its key.
        task: name of the task; under ``classes`` the foreground need not be waste.
    """
    if figure == "waste_iou" and task == "classes":
        return "foreground IoU"
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
