"""Mean, interval and gap against slow independent versions."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagen.benchmarking.tables.statistics import estimate, gap_closed

# Two-sided 95 % quantiles of Student's t, from a printed table (n - 1 degrees of freedom).
T = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}


@given(st.lists(st.floats(0, 1), min_size=2, max_size=5))
def test_the_interval_is_students(values: list[float]) -> None:
    found, n = estimate(values), len(values)
    mean = sum(values) / n
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1))
    assert found.mean == pytest.approx(mean) and found.count == n
    assert found.spread == pytest.approx(T[n] * deviation / math.sqrt(n), rel=1e-3, abs=1e-12)


def test_one_value_has_no_interval_and_none_no_mean() -> None:
    assert (estimate([0.3]).mean, estimate([0.3]).spread) == (0.3, None)
    assert estimate([0.3, None, math.nan]) == estimate([0.3])
    assert math.isnan(estimate([]).mean) and estimate([]).count == 0


@pytest.mark.parametrize(
    ("method", "source_only", "ceiling", "share"),
    [
        (0.25, 0.10, 0.40, 0.5),
        (0.10, 0.10, 0.40, 0.0),
        (0.05, 0.10, 0.30, -0.25),
        (0.35, 0.33, 0.35, 1.0),  # two points, though 0.35 - 0.33 < 0.02 in binary
        (0.35, 0.331, 0.35, None),
        (0.20, 0.40, 0.30, None),
        (math.nan, 0.1, 0.4, None),
        (0.2, math.nan, 0.4, None),
        (0.2, 0.1, math.nan, None),
    ],
)
def test_share_of_the_gap(
    method: float, source_only: float, ceiling: float, share: float | None
) -> None:
    found = gap_closed(method, source_only, ceiling)
    assert found is None if share is None else found == pytest.approx(share)
