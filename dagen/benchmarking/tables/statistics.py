"""Statistics over seeds: mean, 95 % t-interval, share of the gap closed, paired differences."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SMALLEST_GAP = 0.02
"""With less than two points between source-only and ceiling, a share of the gap means nothing."""


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds.

    Attributes:
        mean: the mean; NaN without values.
        spread: half the width of the 95 % interval; None with fewer than two values.
        count: number of values.
    """

    mean: float
    spread: float | None
    count: int


def estimate(values: Iterable[float | None]) -> Estimate:
    """Mean and 95 % interval of Student's t; values that are None or NaN are left out.

    The half width is ``t(0.975, n - 1) * s / sqrt(n)`` with the sample's standard deviation s.
    """
    known = [float(value) for value in values if value is not None and not math.isnan(value)]
    if not known:
        return Estimate(math.nan, None, 0)
    return Estimate(statistics.fmean(known), _half_width(known), len(known))


def _half_width(values: Sequence[float]) -> float | None:
    if len(values) < 2:
        return None
    from scipy.stats import t

    quantile = float(t.ppf(0.975, len(values) - 1))
    return quantile * statistics.stdev(values) / math.sqrt(len(values))


def gap_closed(method: float, source_only: float, ceiling: float) -> float | None:
    """``(method - source_only) / (ceiling - source_only)``, all of them fractions of 1.

    None if the gap is under two points or a value is missing (NaN).
    """
    gap = ceiling - source_only
    # Written so that NaN is refused, and 0.35 - 0.33 counts as two points despite rounding.
    if not gap >= SMALLEST_GAP - 1e-9 or math.isnan(method):
        return None
    return (method - source_only) / gap


def gap_spread(seeds: Sequence[tuple[float, float, float]]) -> float | None:
    """Half the width of the 95 % interval of the share of the gap, over seeds that have all three.

    The share is a ratio of two means, ``R = mean(method - source_only) / mean(ceiling -
    source_only)``. Its interval is that of the mean of ``(method - source_only) - R (ceiling -
    source_only)`` over the seeds, divided by the gap (the ratio estimator of sample surveys;
    Cochran, 1977): a seed that is good for all rows does not widen it.

    Args:
        seeds: each seed's (method, source_only, ceiling).

    Returns:
        None with fewer than two seeds, or if the gap is not above 0.
    """
    if len(seeds) < 2:
        return None
    gains = [method - below for method, below, _ in seeds]
    gaps = [top - below for _, below, top in seeds]
    gap = statistics.fmean(gaps)
    if not gap > 0:
        return None
    share = statistics.fmean(gains) / gap
    width = _half_width([gain - share * one for gain, one in zip(gains, gaps, strict=True)])
    return None if width is None else width / gap


def clearly_differ(pairs: Sequence[tuple[float, float]]) -> bool:
    """Whether a paired t-test over seeds finds two rows different (two-sided, p < 0.05).

    That is: the 95 % interval of the mean difference does not hold 0. Fewer than two seeds show
    nothing.
    """
    found = estimate(one - other for one, other in pairs)
    return found.spread is not None and abs(found.mean) > found.spread
