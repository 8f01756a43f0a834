import math

import pytest
from torch import Tensor

from dagen.criteria.base import create
from tests.criteria.drawn import C, counts, draw, pixels


def wanted(logits: Tensor, label: Tensor, weights: list[float]) -> float:
    known = pixels(logits, label)
    mass = sum(weights[c] for _, c in known)
    return sum(-weights[c] * math.log(p[c]) for p, c in known) / mass


def test_enets_weights() -> None:
    logits, label = draw()
    loss = create("weighted", {"constant": 1.1}, C)
    loss.observe(label)
    seen = counts(label)
    weights = [1 / math.log(1.1 + n / sum(seen)) for n in seen]
    assert float(loss(logits, label)) == pytest.approx(wanted(logits, label, weights), rel=1e-5)


def test_inverse_frequency_gives_every_class_that_is_there_the_same_mass() -> None:
    logits, label = draw()
    loss = create("weighted", {"weights": "inverse"}, C)
    loss.observe(label)
    seen = counts(label)
    weights = [1 / max(n, 1) for n in seen]  # a factor of all weights is none of the mean
    assert float(loss(logits, label)) == pytest.approx(wanted(logits, label, weights), rel=1e-5)


def test_shares_are_those_of_all_labels_seen_so_far() -> None:
    loss = create("weighted", {"weights": "inverse"}, C)
    total = [0] * C
    for seed in range(3):
        logits, label = draw(seed)
        loss.observe(label)
        total = [a + b for a, b in zip(total, counts(label), strict=True)]
    weights = [1 / max(n, 1) for n in total]
    assert float(loss(logits, label)) == pytest.approx(wanted(logits, label, weights), rel=1e-5)


def test_given_weights() -> None:
    logits, label = draw()
    loss = create("weighted", {"weights": [0.0, 1.0, 2.5, 4.0]}, C)
    assert float(loss(logits, label)) == pytest.approx(wanted(logits, label, [0, 1, 2.5, 4]))
