"""Salience: how much each pixel of a photograph stands out, without learning and labels.

A photograph's subject is inside the frame, and its surroundings reach the frame's edges (the
boundary and connectivity priors of Wei et al., ECCV 2012). Three cues are combined on a small copy
of the image, in CIE Lab:

* surroundedness (after Zhang & Sclaroff, ICCV 2013): every path from a pixel to the edge has to
  climb or descend. The lowest climb is the hole filling of grey-scale morphology (Vincent, 1993);
  climb and descent together are a lower bound of the minimum barrier distance (Strand et al.,
  2013);
* contrast: the Mahalanobis distance of the pixel's colour from the colours along each of the four
  edges, without the largest of the four, since the subject may touch one edge (Zhang et al., ICCV
  2015);
* centre: a Gaussian around the middle of the frame.

Only the edges of the whole *photograph* count: objects that a crop cuts would be taken for ground.
So the map is made from whole images, kept in the decode cache, and cropped with them.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dagen.datasets.maps.base import Map, Resizing
from dagen.types import Image, Pixels

_Plane = NDArray[np.float32]

_SIDE = 80
"""Shorter side in pixels of the copy on which the map is made."""
_SMALLEST = 5
"""Side in pixels of the smallest region kept; a sixteenth of the photograph's shorter side."""
_LEVELS = 32
"""Number of grey levels in hole filling."""
_STRIP = 0.1
"""Width of the strips along the edges, relative to the shorter side."""
_NOISE = 4.0
"""Smallest variance of a strip's colours, in squared units of Lab."""
_CONTRAST = 0.5
"""Weight of contrast relative to surroundedness, both scaled to a maximum of 1."""


def salience(image: Image) -> Pixels:
    """The map of one photograph.

    Args:
        image: (H, W, 3) uint8 RGB, whole.

    Returns:
        (H, W) uint8: 255 where the image is most salient, apart from specks.
    """
    height, width = image.shape[:2]
    scale = min(1.0, _SIDE / min(height, width))
    size = max(3, round(width * scale)), max(3, round(height * scale))
    small = cv2.medianBlur(cv2.resize(image, size, interpolation=cv2.INTER_AREA), 3)
    rgb = small.astype(np.float32) / 255
    lab = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB), np.float32)
    shown = _unit(_surroundedness(lab)) + _CONTRAST * _unit(_edge_contrast(lab))
    # The opening comes last, without rescaling: if only specks stand out, the map stays low.
    shown = _unit(shown * _middle(size), least=0.1)
    opened = cv2.morphologyEx(shown, cv2.MORPH_OPEN, np.ones((_SMALLEST, _SMALLEST)))
    large = cv2.resize(opened, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.round(255 * large), np.uint8)


def _surroundedness(lab: _Plane) -> _Plane:
    """The climb and descent to the edge, added up over the channels, (H, W)."""
    total = np.zeros(lab.shape[:2], np.float32)
    for channel in cv2.split(lab):
        low, spread = float(channel.min()), float(np.ptp(channel))
        if spread < 1:  # only rounding errors
            continue
        grey = np.asarray((channel - low) / spread * 255, np.uint8)
        between = filled(grey) - (255 - filled(255 - grey))
        total += np.maximum(between, 0) * np.float32(spread / 255)
    return total


def filled(grey: Pixels, levels: int = _LEVELS) -> _Plane:
    """Each pixel raised to the lowest height over which a path leads to the image's edge.

    Args:
        grey: (H, W) uint8.
        levels: number of equal height levels; heights are rounded down to a level, so that smaller
            climbs and descents count as none.

    Returns:
        (H, W) float32 from 0 to 255.
    """
    ring = cv2.copyMakeBorder(grey, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    heights = np.zeros(grey.shape, np.float32)
    below = 0.0
    for level in np.linspace(0, 255, levels + 1)[1:]:
        flooded = (ring <= level).astype(np.uint8)
        cv2.floodFill(flooded, None, (0, 0), 2)
        heights += (flooded[1:-1, 1:-1] != 2) * np.float32(level - below)
        below = level
    return heights


def _edge_contrast(lab: _Plane) -> _Plane:
    """Distances of each colour from the four edges, added up without the largest, (H, W)."""
    width = max(3, round(_STRIP * min(lab.shape[:2])))
    maps = []
    for strip in (lab[:width], lab[-width:], lab[:, :width], lab[:, -width:]):
        colours = strip.reshape(-1, 3)
        inverse = np.linalg.inv(np.cov(colours.T) + _NOISE * np.eye(3))
        away = lab - colours.mean(0)
        maps.append(_unit(np.sqrt(np.einsum("hwi,ij,hwj->hw", away, inverse, away))))
    return np.asarray(np.sum(maps, axis=0) - np.max(maps, axis=0), np.float32)


def _middle(size: tuple[int, int]) -> _Plane:
    """exp(-(x^2 + y^2) / 2) with x and y from -1 to 1 across the image; ``size`` is (W, H)."""
    x, y = (np.linspace(-1, 1, n, dtype=np.float32) for n in size)
    return np.asarray(np.exp(-(np.square(y)[:, None] + np.square(x)) / 2), np.float32)


def _unit(plane: _Plane, least: float = 1.0) -> _Plane:
    """The plane scaled to a maximum of 1, or less if its maximum is below ``least``.

    The default is one unit of Lab, or one standard deviation of the edge's colours.
    """
    return np.asarray(plane / max(float(plane.max()), least), np.float32)


class Salience(Map):
    """The salience of each pixel: 1 where it is highest, 0 where nothing stands out."""

    digest = "salience/1"  # increase the number when maps are made in another way
    resized: Resizing = "nearest"

    def make(self, image: Image, name: str) -> Pixels:
        """(H, W) uint8; see :func:`salience`."""
        return salience(image)
