"""Pareto figures as SVG that follows the page's colours: score against what a network costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from sitepages.results import Line

_WIDTH, _HEIGHT = 520, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 18, 22, 60
_LETTER = 10  # width that one is given
_TICKS = 9  # of a logarithmic axis, from which it has powers of ten alone
_MANY = 15  # times the smallest value, from which an axis is logarithmic
_SHAPES = ("circle", "square", "diamond", "triangle", "cross")


@dataclass(frozen=True)
class Point:
    """One row of a table in a figure."""

    x: float
    y: float
    line: Line


def front(points: Sequence[Point]) -> list[Point]:
    """The points that no other point beats: none is as cheap and better, or as good and cheaper."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda p: (p.x, -p.y)):
        if not kept or point.y > kept[-1].y:
            kept.append(point)
    return kept


def pareto(
    name: str, lines: Sequence[Line], cost: Callable[[Line], float], unit: str, title: str
) -> str:
    """A figure of all rows of one task; empty where nothing has both figures.

    Args:
        name: of the figure on its page.
        lines: rows of one task and data set.
        cost: what the horizontal axis shows.
        unit: of it.
        title: what a screen reader says first.
    """
    points = [Point(cost(line), 100 * line.score.mean, line) for line in lines]
    points = [p for p in points if not math.isnan(p.x) and not math.isnan(p.y)]
    if not points:
        return ""
    best = front([p for p in points if not p.line.ceiling])
    networks = list(dict.fromkeys(p.line.first.model for p in points))
    frame = Frame(scale([p.x for p in points]), ticks(max(p.y for p in points)))

    def place(p: Point) -> tuple[float, float]:
        return frame.place(p.x, p.y)

    figure = lines[0].headline
    told = "; ".join(f"{p.line.first.model} {p.line.row}: {p.y:.1f} % at {p.x:.2f}" for p in best)
    parts = [
        f'{opening(name)}<title id="{name}-t">{escape(title)}</title>',
        f'<desc id="{name}-d">The front from small to large, {escape(f"{unit}: {told}")}.</desc>',
        *frame.axes(unit, f"{figure}, %"),
        _step([place(p) for p in best]),
        *(_mark(p, place(p), networks.index(p.line.first.model), unit, figure) for p in points),
        *_labels(best, place, len({p.line.row for p in points}) == 1),
        "</svg>",
    ]
    return "\n".join(parts) + _legend(networks)


@dataclass(frozen=True)
class Scale:
    """A horizontal axis.

    Attributes:
        ticks: its numbers, the first and the last at its ends.
        logarithmic: whether equal steps are equal factors.
    """

    ticks: Sequence[float]
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Place of a value between the ends, from 0 to 1."""
        if self.logarithmic:
            first, last = math.log(self.ticks[0]), math.log(self.ticks[-1])
            return (math.log(value) - first) / (last - first)
        return value / self.ticks[-1]


def scale(values: Sequence[float]) -> Scale:
    """An axis for these values: logarithmic where the largest is many times the smallest."""
    smallest, largest = min(values), max(values)
    if smallest <= 0 or largest < _MANY * smallest:
        return Scale(ticks(largest))
    first, last = math.floor(math.log10(smallest / 1.1)), math.ceil(math.log10(largest * 1.1))
    fine = [step * 10.0**power for power in range(first, last + 1) for step in (1, 2, 5)]
    low = max(tick for tick in fine if tick <= smallest / 1.1)
    high = min(tick for tick in fine if tick >= largest * 1.1)
    kept = [tick for tick in fine if low <= tick <= high]
    if len(kept) > _TICKS:
        kept = [10.0**power for power in range(first, last + 1)]
    return Scale(kept, logarithmic=True)


@dataclass(frozen=True)
class Frame:
    """Where numbers lie in a figure.

    Attributes:
        across: the horizontal axis.
        up: the numbers of the vertical axis, from 0.
    """

    across: Scale
    up: Sequence[float]

    def place(self, x: float, y: float) -> tuple[float, float]:
        """The place of a point."""
        return (
            _LEFT + self.across.share(x) * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - y / self.up[-1] * (_HEIGHT - _TOP - _BOTTOM),
        )

    def axes(self, below: str, beside: str) -> list[str]:
        """Both axes with their names."""
        bottom, end = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
        parts = []
        for value in self.up:
            y = round(bottom - value / self.up[-1] * (bottom - _TOP), 1)
            parts.append(f'<line class="grid" x1="{_LEFT}" x2="{end}" y1="{y}" y2="{y}"/>')
            parts.append(f'<text x="{_LEFT - 9}" y="{y + 5}" class="end">{value:g}</text>')
        for value in self.across.ticks:
            x = round(_LEFT + self.across.share(value) * (end - _LEFT), 1)
            parts.append(f'<text x="{x}" y="{bottom + 22}" class="middle">{value:g}</text>')
        parts.append(
            f'<text class="middle axis" x="{(_LEFT + end) / 2}" y="{_HEIGHT - 10}">'
            f"{escape(below)}</text>"
            f'<text class="middle axis" transform="translate(18 {(_TOP + bottom) / 2}) '
            f'rotate(-90)">{escape(beside)}</text>'
        )
        return parts


def opening(name: str) -> str:
    """The tag that begins a figure; its title and description have ids that end in -t and -d."""
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="{name}-t {name}-d">'


def ticks(largest: float) -> list[float]:
    """Round numbers from 0 to a little more than ``largest``, three to five of them."""
    wanted = max(largest * 1.08, 1e-9) / 4
    power = 10.0 ** math.floor(math.log10(wanted))
    step = next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= wanted)
    return [round(i * step, 9) for i in range(math.ceil(4 * wanted / step) + 1)]


def _step(places: Sequence[tuple[float, float]]) -> str:
    """The front as a stair: up to it anything cheaper is worse."""
    if not places:
        return ""
    x, y = places[0]
    path = f"M{x:.1f} {_HEIGHT - _BOTTOM}V{y:.1f}"
    path += "".join(f"H{x:.1f}V{y:.1f}" for x, y in places[1:])
    return f'<path class="front" d="{path}H{_WIDTH - _RIGHT}"/>'


def _mark(point: Point, at: tuple[float, float], which: int, unit: str, figure: str) -> str:
    first = point.line.first
    words = f"{first.model}, {point.line.row}: {figure} {point.y:.1f} % at {point.x:.2f} {unit}"
    kind = "ceiling" if point.line.ceiling else f"series{which % len(_SHAPES)}"
    return (
        f'<g class="point {kind}" transform="translate({at[0]:.1f} {at[1]:.1f})">'
        f"{_shape(which)}<title>{escape(words)}</title></g>"
    )


def _shape(which: int) -> str:
    return {
        "circle": '<circle r="5.5"/>',
        "square": '<rect x="-5" y="-5" width="10" height="10"/>',
        "diamond": '<path d="M0-7L7 0 0 7-7 0Z"/>',
        "triangle": '<path d="M0-7L6.5 5H-6.5Z"/>',
        "cross": '<path d="M-6-3h3v-3h6v3h3v6h-3v3h-6v-3h-3Z"/>',
    }[_SHAPES[which % len(_SHAPES)]]


def _labels(
    points: Sequence[Point], place: Callable[[Point], tuple[float, float]], networks: bool
) -> list[str]:
    """The rows' names beside their points, or ``networks``, but for those that would cover one."""
    parts: list[str] = []
    taken: list[tuple[float, float, float]] = []  # left, right, base line
    for point in sorted(points, key=lambda p: -p.y):
        (x, y), line = place(point), point.line
        name = line.first.model if networks else line.row
        width = _LETTER * len(name)
        before = x > _WIDTH * 0.6
        left = x - 10 - width if before else x + 10
        if any(
            left < end and left + width > start and abs(y - b) < _LETTER * 2
            for start, end, b in taken
        ):
            continue
        taken.append((left, left + width, y))
        at, side = (x - 10, "end") if before else (x + 10, "start")
        parts.append(
            f'<text class="label {side}" x="{at:.1f}" y="{y - 8:.1f}">{escape(name)}</text>'
        )
    return parts


def _legend(networks: Sequence[str]) -> str:
    entries = "".join(
        f'<li><svg viewBox="-8 -8 16 16" aria-hidden="true" class="key">'
        f'<g class="point series{i % len(_SHAPES)}">{_shape(i)}</g></svg>{escape(network)}</li>'
        for i, network in enumerate(networks)
    )
    return f'<ul class="legend">{entries}<li><span class="stair"></span>Pareto front</li></ul>'
