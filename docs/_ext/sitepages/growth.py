"""The page on growth: what ``benchmarks/growth.py`` measured, a figure for each axis."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from statistics import correlation, linear_regression
from typing import Any

from sitepages.curves import curve
from sitepages.writing import Site, page, raw, title

_LEAD = """.. rst-class:: lead

Time and memory of a process against what may become large, each on one processor core."""
_NONE = "*Not measured yet.* ``python benchmarks/growth.py --out benchmarks/results/growth.json``"
_FLAT = 0.1
"""Less than this share of the first point, from the first to the last, is told as a share."""
_NOISE = 0.02
"""Less than this share of the first point is no growth."""
_LINE = 0.97
"""The least correlation, in logarithms, at which points are called a line."""
_NOTHING = 1e-3
"""What a value that is not above the first counts as, as a share of the first."""


def write(site: Site, folder: Path) -> None:
    """Write the page from ``growth.json``, if it was measured."""
    file = folder / "growth.json"
    if not file.is_file():
        site.write("generated/growth.rst", page(":hide-toc:", title("Growth"), _LEAD, _NONE))
        return
    found = json.loads(file.read_text(encoding="utf-8"))
    site.write(
        "generated/growth.rst",
        page(
            ":hide-toc:",
            title("Growth"),
            _LEAD,
            *(part for name, axis in found["axes"].items() for part in _section(name, axis)),
            title("Where it comes from", "-"),
            f"``python benchmarks/growth.py`` on {found['hardware']} with torch {found['torch']}, "
            f"at commit {str(found['commit'])[:12]}. Every point is a process of its own, the "
            f"fastest of {found['rounds']} rounds. Memory is the process's peak, what it imports "
            "included, and that of its largest child.",
        ),
    )


def _section(name: str, axis: dict[str, Any]) -> Iterator[str]:
    points, counts = axis["points"], axis["counts"]
    at = [point["at"] for point in points]
    seconds = [point["seconds"] for point in points]
    memory = [point["megabytes"] for point in points]
    yield title(f"{name[0].upper()}{name[1:]}", "-")
    yield (
        f"{axis['does'][0].upper()}{axis['does'][1:]}. Time {words(at, seconds, counts)}; memory "
        f"{words(at, memory, counts)}."
    )
    charts = "".join(
        f'<div class="chart">{curve(f"growth-{name}-{kind}", at, values, counts, unit)}</div>'
        for kind, values, unit in (("time", seconds, "seconds"), ("memory", memory, "MB"))
    )
    caption = escape(f"{axis['does']}, against {counts}.")
    yield raw(f'<figure class="charts">{charts}<figcaption>{caption}</figcaption></figure>')


def words(at: Sequence[float], values: Sequence[float], counts: str) -> str:
    """How values grow, as the part of a sentence that follows the name of what is measured.

    The first point, the fixed part, is taken off. The exponent is the slope of the line that fits
    the others best in logarithms, and is told where their growth follows that line.

    Args:
        at: where the values were measured, rising; at least four, or three of values that fall or
            do not grow.
        values: the values.
        counts: what ``at`` counts.
    """
    first, last = values[0], values[-1]
    if abs(last - first) < _FLAT * first:
        if last - first < _NOISE * first:
            return "does not grow"
        return f"grows by {last / first - 1:.0%}, from {_short(first)} to {_short(last)}"
    if last < first:
        return f"falls to {last / first:.0%} from {at[0]:,} to {at[-1]:,} {counts}"
    far = [math.log(x - at[0]) for x in at[1:]]
    more = [math.log(max(value - first, _NOTHING * first)) for value in values[1:]]
    power, _ = linear_regression(far, more)
    if correlation(far, more) < _LINE:
        return f"grows from {_short(first)} to {_short(last)}, but not by a power of {counts}"
    if 0.8 <= power <= 1.2:
        return f"grows in proportion to {counts} (exponent {power:.2f})"
    kind = "more slowly than" if power < 1 else "faster than"
    return f"grows {kind} {counts} (exponent {power:.2f})"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
