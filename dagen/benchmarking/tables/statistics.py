"""Statistics over seeds: mean, 95 % t-interval, share of the gap that was closed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
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
    mean = statistics.fmean(known)
    if len(known) < 2:
        return Estimate(mean, None, len(known))
    from scipy.stats import t

    quantile = float(t.ppf(0.975, len(known) - 1))
    return Estimate(mean, quantile * statistics.stdev(known) / math.sqrt(len(known)), len(known))


def gap_closed(method: float, source_only: float, ceiling: float) -> float | None:
    """``(method - source_only) / (ceiling - source_only)``, all of them fractions of 1.

    None if the gap is under two points or a value is missing (NaN).
    """
    gap = ceiling - source_only
    # Written so that NaN is refused, and 0.35 - 0.33 counts as two points despite rounding.
    if not gap >= SMALLEST_GAP - 1e-9 or math.isnan(method):
        return None
    return (method - source_only) / gap
