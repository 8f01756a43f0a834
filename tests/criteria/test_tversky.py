import pytest
import torch

from dagen.criteria.base import create
from tests.criteria.drawn import C, draw, pixels


def test_it_is_one_minus_the_mean_index() -> None:
    logits, label = draw()
    known = pixels(logits, label)
    scores = []
    for c in {c for _, c in known}:
        hit = sum(p[c] for p, k in known if k == c)
        invented = sum(p[c] for p, k in known if k != c)
        missed = sum(1 - p[c] for p, k in known if k == c)
        scores.append((hit + 1) / (hit + 0.2 * invented + 0.9 * missed + 1))
    found = create("tversky", {"alpha": 0.2, "beta": 0.9, "smooth": 1}, C)(logits, label)
    assert float(found) == pytest.approx(1 - sum(scores) / len(scores))


def test_equal_weights_are_dice() -> None:
    logits, label = draw()
    found = create("tversky", {"alpha": 0.5, "beta": 0.5}, C)(logits, label)
    torch.testing.assert_close(found, create("dice", {}, C)(logits, label))
