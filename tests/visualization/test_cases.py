"""Worst and best are ranked by what was found, and a disagreement says who is right."""

from dataclasses import replace

import numpy as np
import torch

from dagen.scoring.found_objects import objects
from dagen.scoring.metrics import Scores
from dagen.types import IGNORE, Task
from dagen.visualization.cases import (
    BETTER,
    OTHERWISE,
    SAME,
    WORSE,
    cases,
    changes,
    errors,
    gain,
    quality,
)
from dagen.visualization.survey import Picture, Survey


def _scores(hit: int, missed: int, false: int = 0) -> Scores:
    """Paper: ``hit`` pixels found, ``missed`` not, ``false`` where there is none."""
    scores = Scores(Task.MATERIAL)
    scores.confusion += torch.zeros(5, 5, dtype=torch.int64)
    scores.confusion[0, 0] = 1000
    scores.confusion[2, 2], scores.confusion[2, 0], scores.confusion[0, 2] = hit, missed, false
    return scores


def _with(seen: Survey, pairs: list[tuple[Scores, Scores]]) -> Survey:
    template = next(p for p in seen.pictures if p.domain == 1)
    pictures: list[Picture] = [p for p in seen.pictures if p.domain == 0]
    pictures += [replace(template, index=k, scores=list(pair)) for k, pair in enumerate(pairs)]
    return replace(seen, pictures=pictures)


def test_cases_are_ranked_by_the_last_network(seen: Survey) -> None:
    bad, fair, good, clean = _scores(0, 10), _scores(5, 5), _scores(10, 0), _scores(0, 0)
    given = _with(seen, [(fair, bad), (fair, fair), (bad, good), (fair, good), (clean, clean)])
    found = {each.name: [p.index for p in each.pictures] for each in cases(given, 2)}
    assert found == {"worst": [0, 1], "best": [3, 2], "gained": [2, 3], "lost": [0]}
    assert quality(good) == (1, 1) and quality(bad) == (0, 0)
    assert gain(given.pictures[-3]) == (1, 1)


def test_to_predict_nothing_is_not_good() -> None:
    nothing, noisy = _scores(0, 10), _scores(2, 8, false=100)
    assert nothing.miou > noisy.miou  # which is why mIoU with background does not rank
    assert quality(nothing) < quality(noisy)


def test_one_network_has_no_changes(seen: Survey) -> None:
    given = _with(seen, [(_scores(k, 9 - k),) * 2 for k in range(4)])
    alone = replace(
        given,
        checkpoints=given.checkpoints[:1],
        pictures=[replace(p, scores=p.scores[:1]) for p in given.pictures],
    )
    found = cases(alone, 5)
    assert [each.name for each in found] == ["worst", "best"]
    shown = [[p.index for p in each.pictures] for each in found]
    assert shown == [[0, 1], [3, 2]]  # no image is both


def test_a_disagreement_says_who_is_right() -> None:
    #        both right  after right  before right  both wrong  same wrong  unknown  same unknown
    truth = np.array([[1, 1, 1, 1, 1, IGNORE, IGNORE]], np.uint8)
    before = np.array([[1, 0, 1, 2, 3, 1, 1]], np.uint8)
    after = np.array([[1, 1, 0, 3, 3, 2, 1]], np.uint8)
    expected = [SAME, BETTER, WORSE, OTHERWISE, SAME, OTHERWISE, SAME]
    assert changes(truth, before, after).tolist() == [expected]
    assert errors(truth, before).tolist() == [[SAME, WORSE, SAME, WORSE, WORSE, SAME, SAME]]


def test_objects_are_connected_regions_of_one_class() -> None:
    label = np.zeros((10, 10), np.uint8)
    label[:2, :2], label[1:3, 2:4], label[6:8, 6:10], label[9] = 1, 1, 2, IGNORE
    answer = np.zeros_like(label)
    answer[:2, :2], answer[6:8, 6:8], answer[6:8, 8:10] = 2, 2, 1
    found = objects(label, [answer, label], Task.MATERIAL)
    assert [(o.label, round(100 * o.share)) for o in found] == [(1, 8), (2, 8)]
    assert found[0].found == (0.5, 1.0) and found[0].right == (0.0, 1.0)
    assert found[1].found == (1.0, 1.0) and found[1].right == (0.5, 1.0)
    assert objects(np.zeros((4, 4), np.uint8), [label[:4, :4]], Task.MATERIAL) == []
