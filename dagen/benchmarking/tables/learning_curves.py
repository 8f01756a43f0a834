"""Learning curves: a score over the number of labelled images, a line for each row of the grid."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any

from dagen.benchmarking.tables.records import Record
from dagen.benchmarking.tables.sections import by_seed
from dagen.benchmarking.tables.statistics import Estimate, estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AXES = ("source_labels", "target_labels")
"""Axes of a grid that count labelled images."""
# Okabe & Ito (2008): distinguishable with every kind of colour vision.
_COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = "os^DvPX"
_ASIDE = 0.05
"""How far lines stand beside each other, so that their intervals do not hide one another."""


@dataclass(frozen=True)
class Curves:
    """The curves of one table.

    Attributes:
        title: the table's title.
        counted: what is counted, in words.
        score: the score in words.
        points: the numbers of labelled images, the fewest first.
        lines: by name, the score at each point; None where no run is done.
    """

    title: str
    counted: str
    score: str
    points: Sequence[str]
    lines: Mapping[str, Sequence[Estimate | None]]


def axis_of(records: Iterable[Record]) -> str | None:
    """The axis of labelled images that the records have several points of; None without."""
    records = list(records)
    for axis in AXES:
        if len({str(r.axes[axis]) for r in records if axis in r.axes}) > 1:
            return axis
    return None


def curves(
    title: str, axis: str, figure: str, score: str, named: Mapping[str, Sequence[Record]]
) -> Curves:
    """The curves of a table.

    Args:
        title: the table's title.
        axis: the axis of labelled images.
        figure: the score.
        score: the score in words.
        named: the records of each line, at all points.
    """
    found = {str(r.axes[axis]): r.axes[axis] for rs in named.values() for r in rs}
    points = sorted(found, key=lambda text: _order(found[text]))
    lines = {
        name: [
            estimate(r.score(figure) for r in some)
            if (some := [r for r in records if str(r.axes[axis]) == point])
            else None
            for point in points
        ]
        for name, records in named.items()
    }
    return Curves(title, axis.replace("_", " "), score, points, lines)


def gains(axis: str, figure: str, score: str, named: Mapping[str, Sequence[Record]]) -> list[str]:
    """For each number of labelled images, what other lines gain over the first, seed by seed.

    A line is compared with the first one of its own network: a teacher of another network is what
    its students learn from, and not what they would be without it. Only if no network has several
    lines are they all compared with the first.

    Args:
        axis: the axis of labelled images.
        figure: the score.
        score: the score in words.
        named: the records of each line, at all points.
    """
    shown = curves("", axis, figure, score, named)
    told = []
    for point in shown.points:
        seeds = {name: _by_seed(runs, axis, point, figure) for name, runs in named.items()}
        for first, *others in _by_network(named):
            found = []
            for name in others:
                shared = sorted({*seeds[first]} & {*seeds[name]})
                gain = estimate(seeds[name][seed] - seeds[first][seed] for seed in shared)
                if shared:
                    spread = "" if gain.spread is None else f" ± {100 * gain.spread:.1f}"
                    found.append(f"{name} {100 * gain.mean:+.1f}{spread}")
            if found:
                told.append(
                    f"Gain in {score} over {first} with {point} {shown.counted}, in points, seed "
                    f"by seed with its 95 % t-interval: {'; '.join(found)}."
                )
    return told


def _by_network(named: Mapping[str, Sequence[Record]]) -> list[list[str]]:
    """The lines of each network; all together if none has several."""
    groups: dict[str, list[str]] = {}
    for name, records in named.items():
        groups.setdefault(records[0].model, []).append(name)
    several = any(len(names) > 1 for names in groups.values())
    return [*groups.values()] if several else [[*named]]


def _by_seed(records: Sequence[Record], axis: str, point: str, figure: str) -> Mapping[int, float]:
    return by_seed(
        (r for r in records if str(r.axes[axis]) == point), lambda record: record.score(figure)
    )


def draw(axes: Axes, shown: Curves) -> None:
    """Draw the curves, with 95 % t-intervals over the seeds and a legend beside them."""
    middle = (len(shown.lines) - 1) / 2
    styles = zip(cycle(_COLOURS), cycle(_MARKERS), strict=False)
    for k, ((name, line), (colour, marker)) in enumerate(
        zip(shown.lines.items(), styles, strict=False)
    ):
        aside = _ASIDE * (k - middle)
        known = [(x + aside, at) for x, at in enumerate(line) if at is not None]
        axes.errorbar(
            [x for x, _ in known],
            [100 * at.mean for _, at in known],
            yerr=[0.0 if at.spread is None else 100 * at.spread for _, at in known],
            label=name, color=colour, marker=marker, markersize=5, linewidth=1.2, capsize=2,
        )  # fmt: skip
    axes.set_xticks(range(len(shown.points)), shown.points)
    axes.set_xlabel(shown.counted)
    axes.set_ylabel(f"{shown.score}, %\n(bars: 95 % t-interval over the seeds)")
    axes.set_ylim(bottom=0)
    axes.set_title(shown.title, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9)


def _order(value: Any) -> float:
    """Numbers by size, and ``all`` behind them."""
    return float(value) if isinstance(value, int | float) else math.inf
