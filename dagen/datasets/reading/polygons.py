"""Polygons as pixels, by COCO's rule.

The rule is that of pycocotools (``rleFrPoly``), to the bit: the outline is drawn on a grid five
times as fine; its crossings with the middle of a column of pixels are where the object begins and
ends in that column. pycocotools itself is only the reference of the tests: it draws an outline in
one call that cannot be interrupted, and whose time and memory grow with the outline's length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Polygon = list[float]
"""x0, y0, x1, y1, ... in pixels; the first pixel spans (0, 0) to (1, 1)."""

_FARTHEST = 1e6  # |coordinate| in pixels
_FINE = 5  # COCO's grid has so many lines a pixel
_MOST = 1_000_000  # crossings with columns: real outlines have fewer; half a second of work
_AT_ONCE = 1 << 18  # crossings in one call of NumPy, so that Ctrl-C works and memory stays small

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]


def polygon_area(polygon: Polygon) -> float:
    """Enclosed area in pixels (the shoelace formula); 0 for fewer than three points.

    Raises:
        ValueError: an odd number of coordinates.
    """
    x, y = _points(polygon).T
    # Relative to the first corner: far from the origin the products would lose precision.
    x, y = x - x[:1], y - y[:1]
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def fill_polygons(canvas: NDArray[np.uint8], polygons: Sequence[Polygon], value: int) -> None:
    """Set the pixels of one object in place; parts outside the canvas are cut off.

    The parts of the object add up, also where they overlap. An object so thin that COCO's rule
    gives it no pixel keeps those that its outline touches, so that it does not vanish.

    Args:
        canvas: (H, W) uint8.
        polygons: the corners of each part; parts of fewer than three points set nothing.
        value: 0 to 255.

    Raises:
        ValueError: an odd number of coordinates, one further away than a million pixels, or an
            outline that crosses the image too often.
    """
    outlines = [points for polygon in polygons if len(points := _points(polygon)) >= 3]
    if not all(np.abs(points).max() < _FARTHEST for points in outlines):
        raise ValueError("a polygon has a coordinate more than a million pixels away")
    drawn = False
    for points in outlines:
        top, left, inside = _inside(points, (canvas.shape[0], canvas.shape[1]))
        height, width = inside.shape
        canvas[top : top + height, left : left + width][inside] = value
        drawn = drawn or bool(inside.any())
    if not drawn:
        corners = [np.floor(points).astype(np.int32) for points in outlines]
        cv2.polylines(canvas, corners, True, (value,))


def _points(polygon: Polygon) -> _Floats:
    if len(polygon) % 2:
        raise ValueError(f"a polygon has {len(polygon)} numbers; they must be pairs of x and y")
    return np.asarray(polygon, dtype=np.float64).reshape(-1, 2)


def _inside(points: _Floats, size: tuple[int, int]) -> tuple[int, int, NDArray[np.bool_]]:
    """The inner pixels of an outline: the top row and left column of a window, and the window."""
    height, width = size
    # Conversion cuts towards zero, as in the reference.
    corners = (_FINE * points + 0.5).astype(np.int64)
    start, end = corners, np.roll(corners, -1, axis=0)
    low = np.minimum(start[:, 0], end[:, 0])
    high = np.maximum(start[:, 0], end[:, 0])
    # The middle of column c lies between the fine lines 5c + 2 and 5c + 3.
    first = np.maximum(-((2 - low) // _FINE), 0)
    last = np.minimum((high - 3) // _FINE, width - 1)
    count = np.maximum(last - first + 1, 0)
    total = int(count.sum())
    if total > _MOST:
        raise ValueError(
            f"an outline of {len(points)} corners crosses the image's columns {total} times; at "
            f"most {_MOST} crossings are drawn"
        )
    if total == 0:
        return 0, 0, np.zeros((0, 0), dtype=bool)
    left, right = int(first[count > 0].min()), int(last[count > 0].max()) + 1
    rows = corners[:, 1] // _FINE
    top = min(max(int(rows.min()) - 1, 0), height)
    bottom = min(max(int(rows.max()) + 2, top), height)
    # An odd number of crossings above a pixel means that it is inside; the last row is the edge
    # below the window, where crossings no longer matter.
    odd = np.zeros((bottom - top + 1, right - left), dtype=np.uint8)
    for column, row in _crossings(start, end, first, count):
        where = np.clip(row, top, bottom) - top, column - left
        np.bitwise_xor.at(odd, where, 1)
    return top, left, np.bitwise_xor.accumulate(odd, axis=0)[:-1] == 1


def _crossings(
    start: _Ints, end: _Ints, first: _Ints, count: _Ints
) -> Iterator[tuple[_Ints, _Ints]]:
    """The columns and rows at which edges cross the middles of columns, a part at a time."""
    used = np.flatnonzero(count)
    pieces = np.cumsum(count[used]) // _AT_ONCE
    for edges in np.split(used, np.flatnonzero(np.diff(pieces)) + 1):
        edge = np.repeat(edges, count[edges])
        begin = np.repeat(np.cumsum(count[edges]) - count[edges], count[edges])
        column = np.arange(len(edge)) - begin + first[edge]
        yield column, _rows(start[edge], end[edge], _FINE * column + 2)


def _rows(start: _Ints, end: _Ints, line: _Ints) -> _Ints:
    """The first row below the crossing of each edge with the fine lines ``line``, ``line`` + 1."""
    flat = np.abs(end - start)[:, 0] >= np.abs(end - start)[:, 1]
    along = np.where(flat, 0, 1)
    each = np.arange(len(start))
    turned = start[each, along] > end[each, along]
    a, b = np.where(turned[:, None], end, start), np.where(turned[:, None], start, end)
    fine = np.empty(len(start), dtype=np.int64)
    fine[flat] = _fine_rows_of_flat(a[flat], b[flat], line[flat])
    fine[~flat] = _fine_rows_of_steep(a[~flat], b[~flat], line[~flat])
    rows: _Ints = -((2 - fine) // _FINE)
    return rows


def _fine_rows_of_flat(a: _Ints, b: _Ints, line: _Ints) -> _Ints:
    slope = (b[:, 1] - a[:, 1]) / (b[:, 0] - a[:, 0])
    ahead = line - a[:, 0]
    before = (a[:, 1] + slope * ahead + 0.5).astype(np.int64)
    after = (a[:, 1] + slope * (ahead + 1) + 0.5).astype(np.int64)
    fine: _Ints = np.minimum(before, after)
    return fine


def _fine_rows_of_steep(a: _Ints, b: _Ints, line: _Ints) -> _Ints:
    slope = (b[:, 0] - a[:, 0]) / (b[:, 1] - a[:, 1])

    def beyond(steps: _Ints) -> NDArray[np.bool_]:
        reached = a[:, 0] + slope * steps + 0.5 >= line + 1
        return np.where(slope > 0, reached, ~reached)

    # The first step beyond the line, mended where the division was inexact.
    steps = np.ceil((line + 0.5 - a[:, 0]) / slope).astype(np.int64)
    steps -= beyond(steps - 1)
    steps += ~beyond(steps)
    fine: _Ints = a[:, 1] + steps - 1
    return fine
