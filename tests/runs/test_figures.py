"""One module names the figures, and one way of writing them serves terminal, page and tables."""

import math

import pytest
import torch

from dagen.runs import figures
from dagen.scoring.metrics import Scores
from dagen.types import PRESETS, Task


@pytest.mark.parametrize("task", PRESETS, ids=str)
def test_every_figure_of_the_scores_has_a_title(task: Task) -> None:
    scores = Scores(task)
    scores.update(torch.eye(task.num_classes)[:, None], torch.arange(task.num_classes)[None])
    known = scores.to_dict()
    assert figures.classes([known]) == [f"iou/{name}" for name in task.classes]
    titles = [figures.title(key) for key in known]
    assert titles[: len(task.classes)] == list(task.classes)
    assert not any("_" in title or "/" in title for title in titles)
    assert {*figures.SUMMARY, figures.headline(task.name)} <= set(known)


def test_titles_are_the_fields_own_words() -> None:
    assert [figures.title(key) for key in (*figures.SUMMARY, "iou/paper")] == [
        "mIoU", "foreground mIoU", "waste IoU", "paper"
    ]  # fmt: skip


def test_fractions_are_written_in_per_cent() -> None:
    assert figures.percent(0.1234) == "12.3" and figures.percent(0.126, 0) == "13"
    assert figures.percent(None) == figures.percent(math.nan) == "–"


def test_a_change_is_written_in_points() -> None:
    assert figures.points(0.3, 0.25) == "+5.0" and figures.points(0.25, 0.3) == "−5.0"
    assert figures.points(-0.012) == "−1.2"
    for value, before in ((None, 0.5), (0.5, None), (math.nan, 0.5), (0.5, math.nan)):
        assert figures.points(value, before) == "–"
