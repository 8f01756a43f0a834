"""Regions: the connected pieces of a map or a label, and pictures of each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dagen.types import Image, Pixels

GREY = 127
"""What stands around a region in its picture: nothing, for a network that centres its pixels."""
_MARGIN = 0.2
"""Share of a region's longer side that its picture shows on each side of it."""


@dataclass(frozen=True)
class Region:
    """A connected piece of an image.

    Attributes:
        box: top, left, height and width of its bounding box in pixels.
        inside: (height, width) bool, the region in its box.
    """

    box: tuple[int, int, int, int]
    inside: NDArray[np.bool_]

    @property
    def area(self) -> int:
        """Number of its pixels."""
        return int(self.inside.sum())


def regions_of(shown: NDArray[np.bool_], least: float) -> list[Region]:
    """The regions of a mask, from the top down.

    Args:
        shown: (H, W) bool.
        least: share of the image that a region has at least.
    """
    count, ids, stats, _ = cv2.connectedComponentsWithStats(shown.astype(np.uint8))
    found = []
    for k in range(1, count):
        left, top, width, height, area = (int(value) for value in stats[k])
        if area >= least * shown.size:
            inside = ids[top : top + height, left : left + width] == k
            found.append(Region((top, left, height, width), inside))
    return found


def nearest(regions: Sequence[Region], size: tuple[int, int]) -> NDArray[np.intp]:
    """(H, W) the position of the region that lies nearest to each pixel.

    Args:
        regions: at least one region; no two of them touch.
        size: (H, W) of the image.
    """
    outside = np.ones(size, np.uint8)
    for region in regions:
        top, left, height, width = region.box
        outside[top : top + height, left : left + width][region.inside] = 0
    _, ids = cv2.distanceTransformWithLabels(
        outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP
    )
    order = np.zeros(int(ids.max()) + 1, np.intp)
    for k, region in enumerate(regions):
        top, left, _, _ = region.box
        row, column = np.argwhere(region.inside)[0]
        order[ids[top + row, left + column]] = k
    return np.asarray(order[ids], np.intp)


def picture(image: Image, region: Region, side: int) -> tuple[Image, Pixels]:
    """A region by itself, upright and in the middle of a grey square.

    Args:
        image: (H, W, 3) uint8.
        region: a region of it.
        side: side of the square in pixels.

    Returns:
        (side, side, 3) uint8, and (side, side) uint8: how much of each pixel is the region.
    """
    top, left, height, width = region.box
    shown = image[top : top + height, left : left + width]
    factor = side / ((1 + 2 * _MARGIN) * max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    alpha = cv2.resize(region.inside.astype(np.uint8) * 255, size, interpolation=how)
    square = np.full((side, side, 3), GREY, np.uint8)
    mask = np.zeros((side, side), np.uint8)
    rows = slice((side - size[1]) // 2, (side - size[1]) // 2 + size[1])
    columns = slice((side - size[0]) // 2, (side - size[0]) // 2 + size[0])
    square[rows, columns] = cv2.resize(np.ascontiguousarray(shown), size, interpolation=how)
    mask[rows, columns] = alpha
    return greyed(square, mask), mask


def greyed(square: NDArray[np.generic], mask: Pixels) -> Image:
    """A picture whose pixels outside of the mask are grey.

    Args:
        square: (h, w, 3), values from 0 to 255.
        mask: (h, w) uint8: how much of each pixel is the region.
    """
    alpha = mask[..., None].astype(np.float32) / 255
    mixed = square.astype(np.float32) * alpha + GREY * (1 - alpha)
    return np.asarray(np.round(mixed.clip(0, 255)), np.uint8)
