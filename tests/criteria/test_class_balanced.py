import math

import pytest
import torch

from dagen.criteria.base import create
from dagen.types import IGNORE
from tests.criteria.drawn import C, draw, pixels


def cui(numbers: list[float], beta: float) -> list[float]:
    """The weights as the authors' code computes them: 1 over effective numbers, summing to C."""
    weights = [(1 - beta) / (1 - beta**n) for n in numbers]
    return [w / sum(weights) * len(numbers) for w in weights]


@pytest.mark.parametrize("of", ["cross-entropy", "focal"])
def test_pixels_are_weighted_by_the_effective_number_of_images(of: str) -> None:
    logits, label = draw()
    label[1][label[1] == 2] = 0  # class 2 is in one image of two, class 3 in none
    loss = create("class-balanced", {"beta": 0.99, "images": 200, "of": of}, C)
    loss.observe(label)
    weights = cui([200, 200, 100], 0.99)
    power = 2 if of == "focal" else 0
    known = pixels(logits, label)
    terms = [-weights[c] * (1 - p[c]) ** power * math.log(p[c]) for p, c in known]
    assert float(loss(logits, label)) == pytest.approx(sum(terms) / len(terms), rel=1e-5)


def test_the_papers_limits() -> None:
    """All weights are 1 for beta 0; for beta near 1 they are inverse to the numbers."""
    assert cui([500, 5], 0.0) == [1, 1]
    first, second = cui([500, 5], 1 - 1e-9)
    assert second / first == pytest.approx(100, rel=1e-3)
    # By hand for 5000 and 50 images at beta 0.9999: 1 / 0.393485 and 1 / 0.00498777, made to sum 2.
    assert cui([5000, 50], 0.9999) == pytest.approx([0.0250344, 1.9749656], rel=1e-4)


def test_shares_of_images_are_those_seen_so_far() -> None:
    label = torch.zeros(4, 2, 2, dtype=torch.int64)
    label[0, 0, 0], label[1, 0, 0] = 1, IGNORE
    found = create("class-balanced", {"images": 100, "beta": 0.9}, 2)
    for part in (label[:1], label[1:]):
        found.observe(part)
    loss = found.get_submodule("losses.class-balanced")
    assert loss.weights().tolist() == pytest.approx(cui([100, 25], 0.9), rel=1e-5)  # type: ignore[operator]


def test_a_class_that_never_comes_leaves_the_others_as_they_are() -> None:
    label = torch.arange(3).repeat(2, 4)[:, None]
    three, five = (create("class-balanced", {}, count) for count in (3, 5))
    for loss in (three, five):
        loss.observe(label)
    logits = torch.randn(2, 5, 1, 12, generator=torch.Generator().manual_seed(0))
    logits[:, 3:] = -100.0
    expected = three(logits[:, :3], label)
    torch.testing.assert_close(five(logits, label), expected)
    assert float(expected) > 0.5
