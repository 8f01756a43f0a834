"""The loss of agreement bounds the drop of the IoU under any labels."""

import numpy as np
import pytest
import torch

from dagen.deploy.agreement import loss
from dagen.scoring.metrics import Scores
from dagen.types import Task

STREET = Task("classes", ("road", "car", "sky"), background=False)


def masks(seed: int, classes: int, count: int = 3) -> list[np.ndarray]:
    draw = np.random.default_rng(seed)
    return [draw.integers(0, classes, (6, 9)) for _ in range(count)]


def slow(ours: list[np.ndarray], theirs: list[np.ndarray], task: Task) -> float:
    """With sets of Python."""

    def pairs(given: list[np.ndarray]) -> set[tuple[int, int, int]]:
        return {
            (i, place, int(value))
            for i, mask in enumerate(given)
            for place, value in enumerate(mask.ravel())
            if not (task.background and value == 0)
        }

    a, b = pairs(ours), pairs(theirs)
    return 100 * (1 - len(a & b) / len(a | b))


@pytest.mark.parametrize("task", [Task.BINARY, Task.MATERIAL, STREET])
@pytest.mark.parametrize("seed", range(5))
def test_by_sets(task: Task, seed: int) -> None:
    ours, theirs = (masks(k, task.num_classes) for k in (seed, seed + 100))
    assert loss(ours, theirs, task) == pytest.approx(slow(ours, theirs, task))
    assert loss(ours, ours, task) == 0


def waste_iou(found: list[np.ndarray], truth: list[np.ndarray], task: Task) -> float:
    scores = Scores(task)
    for mask, label in zip(found, truth, strict=True):
        one_hot = np.eye(task.num_classes)[mask].transpose(2, 0, 1)
        scores.update(torch.from_numpy(one_hot).float(), torch.from_numpy(label))
    return 100 * scores.waste_iou


@pytest.mark.parametrize("task", [Task.BINARY, Task.MATERIAL])
@pytest.mark.parametrize("seed", range(20))
def test_no_labels_show_a_larger_drop(task: Task, seed: int) -> None:
    exact, truth = masks(seed, task.num_classes), masks(seed + 50, task.num_classes)
    small = [mask.copy() for mask in exact]
    draw = np.random.default_rng(seed)
    for mask in small:  # a quantised network is wrong in some places
        wrong = draw.random(mask.shape) < 0.1
        mask[wrong] = draw.integers(0, task.num_classes, int(wrong.sum()))
    bound = loss(small, exact, task)
    assert bound > 0
    assert abs(waste_iou(small, truth, task) - waste_iou(exact, truth, task)) <= bound + 1e-9


def test_no_foreground_at_all() -> None:
    empty = [np.zeros((2, 2), int)]
    assert loss(empty, empty, Task.BINARY) == 0
    assert loss(empty, [np.ones((2, 2), int)], Task.BINARY) == 100
