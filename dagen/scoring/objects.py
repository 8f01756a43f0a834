"""Objects in a mask: connected regions with outline, area, centre, direction and score.

Coordinates are in pixels, x to the right and y down; the pixel in column i covers i to i + 1. Pixel
labels cannot separate touching objects of one class: such a pair is one object here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dagen.errors import UsageError
from dagen.types import Label, Task

Point = tuple[int, int]

DESCRIPTION = "objects that dagen predict found"
"""Marks a COCO document as one of :class:`CocoObjects`."""


@dataclass(frozen=True)
class Shape:
    """One object.

    Attributes:
        label: its class id.
        score: mean probability of that class over its pixels.
        area: number of its pixels, without holes.
        box: left, top, width and height.
        centroid: x and y of its centre of mass.
        orientation: angle of its long axis in degrees, above -90 and at most 90; 0 is along x, and
            positive angles turn clockwise on the screen, from x towards y.
        axes: lengths of the long and the short axis of the ellipse with the same moments.
        outline: corners of its outer border, along the edges of pixels; holes are filled.
    """

    label: int
    score: float
    area: int
    box: tuple[int, int, int, int]
    centroid: tuple[float, float]
    orientation: float
    axes: tuple[float, float]
    outline: list[Point]


def shapes(
    label: Label, confidence: NDArray[np.float32], task: Task, least: int = 1
) -> list[Shape]:
    """The connected regions of every class but the background, by class, from the top.

    Args:
        label: (H, W) uint8 class ids.
        confidence: (H, W) probability of each pixel's class.
        task: what is segmented.
        least: pixels of the smallest object; smaller ones are left out.
    """
    found = []
    for class_ in task.foreground:
        mask = (label == class_).astype(np.uint8)
        count, regions, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        for region in range(1, count):
            left, top, width, height, area = (int(value) for value in boxes[region])
            if area < least:
                continue
            window = (slice(top, top + height), slice(left, left + width))
            inside = regions[window] == region
            found.append(
                Shape(
                    class_,
                    float(confidence[window][inside].mean()),
                    area,
                    (left, top, width, height),
                    *_moments(inside, left, top),
                    outline=[(x + left, y + top) for x, y in _outline(inside)],
                )
            )
    return found


def _moments(
    inside: NDArray[np.bool_], left: int, top: int
) -> tuple[tuple[float, float], float, tuple[float, float]]:
    """Centroid, orientation and axes of a region; each pixel counts as a square."""
    y, x = np.nonzero(inside)
    cx, cy = float(x.mean()), float(y.mean())
    # A square of side 1 has the variance 1/12.
    xx, yy = float(x.var()) + 1 / 12, float(y.var()) + 1 / 12
    xy = float(((x - cx) * (y - cy)).mean())
    angle = math.degrees(0.5 * math.atan2(2 * xy, xx - yy))
    middle, spread = (xx + yy) / 2, math.hypot((xx - yy) / 2, xy)
    long, short = 4 * math.sqrt(middle + spread), 4 * math.sqrt(max(middle - spread, 0.0))
    return (cx + left + 0.5, cy + top + 0.5), 90.0 if angle == -90 else angle, (long, short)


def _outline(inside: NDArray[np.bool_]) -> list[Point]:
    """The outer border of a region along the edges of its pixels.

    OpenCV's contours run through the centres of pixels. At twice the size, a pixel's two halves
    show which of its sides is meant.
    """
    twice = np.repeat(np.repeat(inside.astype(np.uint8), 2, axis=0), 2, axis=1)
    contours, _ = cv2.findContours(twice, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    corners = (np.concatenate(contours)[:, 0] + 1) // 2
    kept: list[Point] = []
    for x, y in corners.tolist():
        if kept and kept[-1] == (x, y):
            continue
        if len(kept) > 1 and _straight(kept[-2], kept[-1], (x, y)):
            kept.pop()
        kept.append((x, y))
    if len(kept) > 2 and kept[0] == kept[-1]:
        kept.pop()
    while len(kept) > 2 and _straight(kept[-2], kept[-1], kept[0]):
        kept.pop()
    while len(kept) > 2 and _straight(kept[-1], kept[0], kept[1]):
        kept.pop(0)
    return kept


def _straight(a: Point, b: Point, c: Point) -> bool:
    """Whether ``b`` lies on the way from ``a`` to ``c``."""
    return (b[0] - a[0]) * (c[1] - b[1]) == (b[1] - a[1]) * (c[0] - b[0]) and (
        (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1]) > 0
    )


class CocoObjects:
    """The objects of many images as one COCO document.

    Attributes:
        task: what is segmented.
    """

    def __init__(self, task: Task) -> None:
        """Start without images."""
        self.task = task
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def add(
        self,
        name: str,
        size: tuple[int, int],
        found: list[Shape],
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """Add an image.

        Args:
            name: its file name.
            size: height and width in pixels.
            found: its objects.
            more: further fields of the image, such as the time of a video's frame.
        """
        number = len(self._images) + 1
        height, width = size
        self._images.append(
            {"id": number, "file_name": name, "width": width, "height": height, **(more or {})}
        )
        for shape in found:
            self._annotations.append(
                {
                    "id": len(self._annotations) + 1,
                    "image_id": number,
                    "category_id": shape.label,
                    "segmentation": [[side for corner in shape.outline for side in corner]],
                    "area": shape.area,
                    "bbox": list(shape.box),
                    "iscrowd": 0,
                    **_figures(shape),
                }
            )

    def document(self) -> dict[str, Any]:
        """The COCO document; an annotation also has ``score``, ``centroid`` and the like."""
        categories = [{"id": k, "name": self.task.classes[k]} for k in self.task.foreground]
        return {
            "info": {"description": DESCRIPTION},
            "images": self._images,
            "categories": categories,
            "annotations": self._annotations,
        }


def require_own(path: Path) -> None:
    """Refuse a file that is not an earlier document of :class:`CocoObjects`.

    Raises:
        UsageError: writing would replace a file of the user's.
    """
    if not path.exists():
        return
    try:
        own = json.loads(path.read_text(encoding="utf-8"))["info"]["description"] == DESCRIPTION
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        own = False
    if not own:
        raise UsageError(
            f"{path} exists, and dagen predict did not write it; move it away, or give another "
            "file with --objects."
        )


def feature(name: str, shape: Shape, task: Task) -> dict[str, Any]:
    """An object as a GeoJSON feature, in pixels and not in degrees.

    Args:
        name: file name of its image.
        shape: the object.
        task: what is segmented.
    """
    ring = [list(corner) for corner in [*shape.outline, shape.outline[0]]]
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {
            "image": name,
            "class": task.classes[shape.label],
            "area": shape.area,
            "bbox": list(shape.box),
            **_figures(shape),
        },
    }


def _figures(shape: Shape) -> dict[str, Any]:
    return {
        "score": round(shape.score, 4),
        "centroid": [round(side, 2) for side in shape.centroid],
        "orientation": round(shape.orientation, 2),
        "axes": [round(side, 2) for side in shape.axes],
    }
