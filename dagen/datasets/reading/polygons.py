"""COCO segmentations as pixels: polygons and uncompressed run lengths."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Polygon = list[float]
"""x0, y0, x1, y1, ... in pixels; the first pixel spans (0, 0) to (1, 1)."""

_FARTHEST = 1e6  # |coordinate| in pixels; cv2 computes with 16 bits of fraction


def polygon_area(polygon: Polygon) -> float:
    """Enclosed area in pixels (the shoelace formula); 0 for fewer than three points.

    Raises:
        ValueError: an odd number of coordinates.
    """
    x, y = _points(polygon).T
    # Relative to the first corner: far from the origin the products would lose precision.
    x, y = x - x[:1], y - y[:1]
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def fill_polygon(canvas: NDArray[np.uint8], polygon: Polygon, value: int) -> None:
    """Set the pixels of a polygon in place; parts outside the canvas are cut off.

    Each corner is moved to the pixel that contains it, and the outline between those pixels belongs
    to the object (``cv2.fillPoly``). So an object thinner than a pixel does not vanish, and every
    object is about half a pixel larger on each side than by pixel centres (COCO's own rule), which
    matters for small images only. Fewer than three points set nothing.

    Args:
        canvas: (H, W) uint8.
        polygon: its corners.
        value: 0 to 255.

    Raises:
        ValueError: an odd number of coordinates, or one further away than a million pixels.
    """
    points = _points(polygon)
    if len(points) < 3:
        return
    if not np.abs(points).max() < _FARTHEST:
        raise ValueError("a polygon has a coordinate more than a million pixels away")
    cv2.fillPoly(canvas, [np.floor(points).astype(np.int32)], (value,))


def _points(polygon: Polygon) -> NDArray[np.float64]:
    if len(polygon) % 2:
        raise ValueError(f"a polygon has {len(polygon)} numbers; they must be pairs of x and y")
    return np.asarray(polygon, dtype=np.float64).reshape(-1, 2)


def runs_area(counts: list[int]) -> int:
    """Number of pixels in the runs of ones."""
    return sum(counts[1::2])


def fill_runs(canvas: NDArray[np.uint8], counts: list[int], value: int) -> None:
    """Set the pixels of COCO's uncompressed run lengths in place.

    Args:
        canvas: (H, W) uint8.
        counts: lengths of the runs of zeros and ones in turn, starting with zeros, column by
            column from the left.
        value: 0 to 255.

    Raises:
        ValueError: a negative run, or runs that do not add up to H x W.
    """
    if min(counts, default=0) < 0 or sum(counts) != canvas.size:
        raise ValueError(
            f"the runs of a mask add up to {sum(counts)} pixels; the image has {canvas.size}"
        )
    ones = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    canvas[ones.reshape(canvas.shape[::-1]).T] = value
