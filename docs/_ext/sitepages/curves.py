"""Curves as SVG that follows the page's colours: one measure against one number."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from sitepages import charts


def curve(name: str, at: Sequence[float], values: Sequence[float], across: str, up: str) -> str:
    """A figure of points joined by a line.

    Args:
        name: of the figure on its page.
        at: places on the horizontal axis.
        values: heights; as many.
        across: what the horizontal axis shows.
        up: what the vertical axis shows.
    """
    # Both axes start at 0, so that growth in proportion is a straight line.
    frame = charts.Frame(charts.Scale(charts.ticks(max(at))), charts.ticks(max(values)))
    places = [frame.place(x, y) for x, y in zip(at, values, strict=True)]
    told = "; ".join(f"{y:.3g} at {x:,}" for x, y in zip(at, values, strict=True))
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    marks = [
        f'<g class="point series0" transform="translate({x:.1f} {y:.1f})"><circle r="5.5"/>'
        f"<title>{escape(f'{value:.3g} {up} at {where:,} {across}')}</title></g>"
        for (x, y), where, value in zip(places, at, values, strict=True)
    ]
    parts = [
        f'{charts.opening(name)}<title id="{name}-t">{escape(f"{up} against {across}")}</title>',
        f'<desc id="{name}-d">{escape(told)}.</desc>',
        *frame.axes(across, up),
        f'<path class="front" d="M{path}"/>',
        *marks,
        "</svg>",
    ]
    return "\n".join(parts)
