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
    titles = [figures.title(key, task.name) for key in known]
    assert titles[: len(task.classes)] == list(task.classes)
    assert not any("_" in title or "/" in title for title in titles)
    assert set(figures.summary(task.name, [known])) <= set(known)
    # What leads, the classes in the order of their ids, the rest; nothing twice.
    shown = figures.ordered(task.name, known)
    assert shown[0] == figures.headline(task.name, [known]) and len(set(shown)) == len(shown)
    assert shown[-2:] == ["pixel_accuracy", "ece"]


def test_titles_are_the_fields_own_words() -> None:
    keys = (*figures.SUMMARY, "iou/paper")
    assert [figures.title(key, "material") for key in keys] == [
        "foreground mIoU", "waste IoU", "mIoU", "paper"
    ]  # fmt: skip
    # The foreground of a data set of one's own need not be waste.
    assert [figures.title(key, "classes") for key in keys] == [
        "foreground mIoU", "foreground IoU", "mIoU", "paper"
    ]  # fmt: skip


STREETS = Task("classes", ("road", "car"), background=False)
CANS = Task("classes", ("background", "can", "foil"))


@pytest.mark.parametrize(
    ("task", "headline", "of_foreground"),
    [
        (Task.BINARY, "waste_iou", ("waste_iou",)),
        (Task.MATERIAL, "foreground_miou", ("foreground_miou", "waste_iou")),
        (CANS, "foreground_miou", ("foreground_miou", "waste_iou")),
        (STREETS, "miou", ("miou",)),
    ],
    ids=["binary", "material", "with background", "without"],
)
def test_the_headline_of_a_task(task: Task, headline: str, of_foreground: tuple[str, ...]) -> None:
    """It is the mean over the foreground, so a network that collapsed to class 0 does not lead."""
    label = torch.zeros(1, 100, dtype=torch.int64)
    label[0, :10] = task.num_classes - 1
    collapsed, noisy = Scores(task), Scores(task)
    collapsed.update(torch.eye(task.num_classes)[torch.zeros_like(label)].movedim(-1, 0), label)
    guess = label.clone()
    guess[0, 10:60] = task.num_classes - 1
    noisy.update(torch.eye(task.num_classes)[guess].movedim(-1, 0), label)
    one, other = collapsed.to_dict(), noisy.to_dict()
    assert figures.headline(task.name, [one]) == figures.headline(task.name, [other]) == headline
    assert figures.of_foreground(task.name, [one]) == of_foreground
    assert other[headline] == pytest.approx(noisy.foreground_miou)
    if task.background:
        assert one["miou"] > other["miou"]
        assert one[headline] == 0 < other[headline]


def test_without_scores_the_task_alone_decides() -> None:
    assert figures.summary("binary") == ("waste_iou", "miou")
    assert figures.summary("classes") == figures.summary("material") == figures.SUMMARY


def test_fractions_are_written_in_per_cent() -> None:
    assert figures.percent(0.1234) == "12.3" and figures.percent(0.126, 0) == "13"
    assert figures.percent(None) == figures.percent(math.nan) == "–"


def test_a_change_is_written_in_points() -> None:
    assert figures.points(0.3, 0.25) == "+5.0" and figures.points(0.25, 0.3) == "−5.0"
    assert figures.points(-0.012) == "−1.2"
    for value, before in ((None, 0.5), (0.5, None), (math.nan, 0.5), (0.5, math.nan)):
        assert figures.points(value, before) == "–"
