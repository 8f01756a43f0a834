import math

import pytest

from dagen.criteria.base import create
from tests.criteria.drawn import C, draw, pixels


def test_it_is_the_mean_over_known_pixels() -> None:
    logits, label = draw()
    terms = [-math.log(p[c]) for p, c in pixels(logits, label)]
    assert float(create("cross-entropy", {}, C)(logits, label)) == pytest.approx(
        sum(terms) / len(terms)
    )
