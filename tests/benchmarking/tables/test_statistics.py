"""Mean, interval and gap against slow independent versions."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagen.benchmarking.tables.statistics import (
    clearly_differ,
    estimate,
    gap_closed,
    gap_spread,
)

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


def test_the_interval_of_the_gap_is_that_of_a_linearised_ratio() -> None:
    seeds = [(0.30, 0.10, 0.50), (0.28, 0.12, 0.46), (0.36, 0.11, 0.52)]
    found = gap_spread(seeds)
    # The ratio's change with each seed's two differences, by finite steps.
    mean = [sum(column) / 3 for column in zip(*seeds, strict=True)]

    def share(method: float, below: float, top: float) -> float:
        return (method - below) / (top - below)

    slopes = []
    for i in range(3):
        stepped = [value + (1e-6 if k == i else 0) for k, value in enumerate(mean)]
        slopes.append((share(*stepped) - share(*mean)) / 1e-6)
    moved = [sum(s * (v - m) for s, v, m in zip(slopes, one, mean, strict=True)) for one in seeds]
    deviation = math.sqrt(sum(v * v for v in moved) / 2)
    assert found == pytest.approx(T[3] * deviation / math.sqrt(3), rel=1e-3)


def test_a_seed_that_is_good_for_all_rows_does_not_widen_the_gap() -> None:
    assert gap_spread([(0.2 + x, 0.1 + x, 0.3 + x) for x in (0, 0.1, 0.2)]) == pytest.approx(0)
    assert gap_spread([(0.2, 0.1, 0.3)]) is None
    assert gap_spread([(0.2, 0.3, 0.3), (0.2, 0.3, 0.3)]) is None


def test_clear_is_what_a_paired_t_test_finds() -> None:
    from scipy.stats import ttest_rel

    for shift in (0.0, 0.005, 0.01, 0.03):
        one = [0.20 + shift, 0.31 + shift, 0.27 + shift, 0.25 + 1.5 * shift]
        other = [0.20, 0.30, 0.275, 0.251]
        wanted = bool(ttest_rel(one, other).pvalue < 0.05)
        assert clearly_differ(list(zip(one, other, strict=True))) == wanted
    assert clearly_differ([(0.9, 0.1)]) is False  # one seed shows nothing
