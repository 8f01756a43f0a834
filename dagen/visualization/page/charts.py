"""Small line charts as SVG, drawn in the page's own colours so that they follow its dark mode."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from dagen.runs.history import Curve

COLOURS = 6
"""Colours of runs in the style sheet (``--run-0`` and so on); dashes tell further runs apart."""

_WIDTH, _HEIGHT = 360, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 12, 10, 24
_MOST = 300  # most points of a line; more would not be visible
_DASHES = ("", "6 3", "2 3", "8 3 2 3")


@dataclass(frozen=True)
class Axis:
    """A linear map from values to positions.

    Attributes:
        ticks: values that are marked; the first and last are the ends.
        start: position of the first tick, in units of the drawing.
        end: position of the last tick.
    """

    ticks: tuple[float, ...]
    start: float
    end: float

    def place(self, value: float) -> float:
        """The position of a value."""
        low, high = self.ticks[0], self.ticks[-1]
        return self.start + (value - low) / (high - low) * (self.end - self.start)


def lines(name: str, curves: Mapping[int, Curve], titles: Mapping[int, str]) -> str:
    """A chart of one quantity over steps, with a line for each run.

    Args:
        name: name of the quantity.
        curves: (step, value) by run; the run's number decides its colour and dashes. Values that
            are not finite are left out.
        titles: titles of the runs.

    Returns:
        An ``svg`` element; empty if there is no line to draw.
    """
    known = {k: _thinned([p for p in c if math.isfinite(p[1])]) for k, c in curves.items()}
    known = {k: points for k, points in known.items() if len(points) > 1}
    if not known:
        return ""
    steps = [step for points in known.values() for step, _ in points]
    values = [value for points in known.values() for _, value in points]
    x = _axis(min(steps), max(steps), _LEFT, _WIDTH - _RIGHT, whole=True)
    y = _axis(min(values), max(values), _HEIGHT - _BOTTOM, _TOP)
    drawn = [_line(k, points, x, y, titles[k]) for k, points in known.items()]
    spoken = "; ".join(
        f"{titles[k]} from {points[0][1]:.3g} to {points[-1][1]:.3g}" for k, points in known.items()
    )
    label = escape(f"{name} over steps {min(steps)} to {max(steps)}: {spoken}")
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">'
        f"{_grid(x, y)}{''.join(drawn)}</svg>"
    )


def dashes(run: int) -> str:
    """The dash pattern of a run's line; empty for a full line."""
    return _DASHES[(run // COLOURS + run) % len(_DASHES)]


def _axis(low: float, high: float, start: float, end: float, whole: bool = False) -> Axis:
    from matplotlib.ticker import MaxNLocator

    if high - low < 1e-9 * max(1.0, abs(low)):
        low, high = low - 0.5, high + 0.5
    ticks = MaxNLocator(4, integer=whole, min_n_ticks=2).tick_values(low, high)
    return Axis(tuple(float(tick) for tick in ticks), start, end)


def _line(run: int, points: Curve, x: Axis, y: Axis, title: str) -> str:
    path = " ".join(f"{x.place(step):.1f},{y.place(value):.1f}" for step, value in points)
    pattern = dashes(run)
    dashed = f' stroke-dasharray="{pattern}"' if pattern else ""
    return (
        f'<polyline class="line run-{run % COLOURS}"{dashed} points="{path}">'
        f"<title>{escape(title)}: {points[-1][1]:.4g} at step {points[-1][0]}</title></polyline>"
    )


def _grid(x: Axis, y: Axis) -> str:
    parts = []
    for tick in y.ticks:
        at = y.place(tick)
        parts.append(
            f'<line class="grid" x1="{x.start}" x2="{x.end}" y1="{at:.1f}" y2="{at:.1f}"/>'
        )
        parts.append(
            f'<text x="{x.start - 6}" y="{at + 3.5:.1f}" text-anchor="end">{tick:g}</text>'
        )
    for tick in x.ticks:
        at = x.place(tick)
        parts.append(f'<text x="{at:.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{tick:g}</text>')
    return "".join(parts)


def _thinned(points: Curve) -> Curve:
    """At most ``_MOST`` points, spread evenly over the curve and including the last one."""
    stride = math.ceil(len(points) / _MOST)
    return points[::-stride][::-1] if stride > 1 else points
