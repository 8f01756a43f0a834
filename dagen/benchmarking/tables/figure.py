"""The figure of a benchmark: each row's mean, interval and seeds, with a panel per table.

A table over several numbers of labelled images has its learning curves instead.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dagen.benchmarking.tables import learning_curves
from dagen.benchmarking.tables.learning_curves import Curves
from dagen.benchmarking.tables.protocol import CEILINGS, SOURCE_ONLY
from dagen.benchmarking.tables.sections import Section
from dagen.benchmarking.tables.statistics import estimate
from dagen.runs.config import plain_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito (2008): distinguishable with every kind of colour vision, and in grey.
_METHOD, _BASELINE, _CEILING, _SEED = "#0072B2", "#555555", "#D55E00", "#999999"
_REFERENCE = "#009E73"
_LINE = 0.28  # inches per row
_CURVES = 10  # rows that learning curves are high


def draw(sections: Sequence[Section], curves: Sequence[Curves] = ()) -> bytes:
    """The figure as a PNG file; the same sections and curves give the same bytes.

    Args:
        sections: the tables that are drawn row by row.
        curves: those that are drawn as learning curves, above the others; there is at least one
            of either.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    heights = [len(section.rows) + len(section.references) for section in sections]
    heights = [_CURVES] * len(curves) + heights
    margins = 1.0 * len(heights)
    picture = Figure(figsize=(7.5, _LINE * sum(heights) + margins), layout="constrained")
    FigureCanvasAgg(picture)
    panels = picture.subplots(
        len(heights), 1, squeeze=False, gridspec_kw={"height_ratios": [n + 2 for n in heights]}
    )
    for axes, shown in zip(panels[:, 0], curves, strict=False):
        learning_curves.draw(axes, shown)
    for axes, section in zip(panels[len(curves) :, 0], sections, strict=True):
        _panel(axes, section)
    file = io.BytesIO()
    picture.savefig(file, format="png", dpi=150, metadata={"Software": None})
    return file.getvalue()


def _panel(axes: Axes, section: Section) -> None:
    every = {**section.rows, **section.references}
    rows = list(every)
    for position, row in enumerate(rows):
        colour = _CEILING if row in CEILINGS else _BASELINE if row == SOURCE_ONLY else _METHOD
        marker = "^" if row in CEILINGS else "s" if row == SOURCE_ONLY else "o"
        if row in section.references:
            colour, marker = _REFERENCE, "D"
        known = [r.score(section.headline) for r in every[row]]
        seeds = [100 * value for value in known if value is not None]
        mean = estimate(known)
        if math.isnan(mean.mean):
            continue
        axes.plot(seeds, [position] * len(seeds), "|", color=_SEED, markersize=9, zorder=1)
        spread = None if mean.spread is None else 100 * mean.spread
        axes.errorbar(
            100 * mean.mean, position, xerr=spread, fmt=marker, color=colour, capsize=3, zorder=2
        )
        if row == SOURCE_ONLY or row in CEILINGS:
            axes.axvline(100 * mean.mean, color=colour, linewidth=0.8, linestyle=":", zorder=0)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_title(section.title, loc="left", fontsize=10)
    where = plain_name(section.first.domain)
    many = any(len(records) > 1 for records in section.rows.values())
    told = "bars: 95 % t-interval, ticks: seeds" if many else "one seed"
    axes.set_xlabel(f"{section.headline_title} on {where} val, %\n({told})")
    axes.spines[["top", "right"]].set_visible(False)
