"""False alarms: what a network calls foreground where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dagen.datasets.base import Label
from dagen.datasets.loading.empty import open_empty
from dagen.datasets.loading.opening import require_images
from dagen.errors import UsageError
from dagen.runs.findings import FalseAlarms
from dagen.scoring.evaluation import count
from dagen.scoring.metrics import Scores
from dagen.scoring.predictor import Predictor, Probabilities
from dagen.system.progress import Progress


def false_alarms(
    predictor: Predictor, name: str, data_root: Path | None, progress: Progress
) -> FalseAlarms:
    """The share of the pixels of empty scenes that a predictor calls foreground.

    Args:
        predictor: a predictor of a task with a background.
        name: data set of scenes without objects; its ``val`` part is used, see
            :func:`dagen.datasets.loading.empty.open_empty`.
        data_root: folder of all data sets.
        progress: shows the images done.

    Raises:
        UsageError: the task has no background, or there is no such data set.
        DagenError: an image is missing or damaged.
    """
    if not predictor.task.background:
        raise UsageError(
            "false alarms are foreground where only background is, and this task has no "
            "background; leave out the empty scenes."
        )
    scenes = open_empty(name, "val", predictor.task, data_root)
    require_images(scenes, name)
    bar = progress.task(f"false alarms on {name}", len(scenes))

    def answers() -> Iterator[tuple[Probabilities, Label]]:
        for index in range(len(scenes)):
            yield predictor(scenes.image(index)), scenes.label(index)
            bar.advance()

    scores = Scores(predictor.task)
    count(scores, answers())
    silent, pixels = int(scores.confusion[0, 0]), int(scores.confusion.sum())
    return FalseAlarms(name, len(scenes), 1 - silent / pixels)
