import math

import pytest

from dagen.criteria.base import create
from tests.criteria.drawn import C, counts, draw, pixels


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 3.0])
def test_it_is_the_papers_formula(gamma: float) -> None:
    logits, label = draw()
    terms = [-((1 - p[c]) ** gamma) * math.log(p[c]) for p, c in pixels(logits, label)]
    found = create("focal", {"gamma": gamma}, C)(logits, label)
    assert float(found) == pytest.approx(sum(terms) / len(terms))


def test_weights_are_factors_and_leave_the_divisor() -> None:
    logits, label = draw()
    loss = create("focal", {"weights": "enet"}, C)
    loss.observe(label)
    seen = counts(label)
    weights = [1 / math.log(1.02 + n / sum(seen)) for n in seen]
    known = pixels(logits, label)
    terms = [-weights[c] * (1 - p[c]) ** 2 * math.log(p[c]) for p, c in known]
    assert float(loss(logits, label)) == pytest.approx(sum(terms) / len(terms), rel=1e-5)


def test_it_is_kornias() -> None:
    from kornia.losses import focal_loss

    logits, label = draw(known=True)
    found = create("focal", {"gamma": 1.5}, C)(logits, label)
    # Kornia's mean is over pixels and classes, although all classes but one have no term.
    wanted = C * float(focal_loss(logits, label, None, 1.5, "mean"))
    assert float(found) == pytest.approx(wanted)
