"""Colours of classes that readers with any common colour vision can distinguish.

The named colours and the first of the series are those of Okabe and Ito ("Color universal design",
2008). Further ones are chosen one by one: each is the colour that is farthest, in CIELAB, from all
colours before it, as seen with normal vision and without the long, medium or short cones (Machado
et al., IEEE TVCG 2009). With more than about ten classes some pairs look alike, so pictures also
name or outline their regions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
"""Red, green and blue from 0 to 255."""

NAMED: dict[str, Colour] = {
    "background": (0, 0, 0),
    "waste": (213, 94, 0),
    "aluminium": (86, 180, 233),
    "paper": (230, 159, 0),
    "bottle": (0, 158, 115),
    "nylon": (204, 121, 167),
}
"""The colours of the classes of the built-in tasks."""

_SERIES: tuple[Colour, ...] = (*list(NAMED.values())[1:], (0, 114, 178), (240, 228, 66))
_TAKEN: tuple[Colour, ...] = ((0, 0, 0), (128, 128, 128), (255, 255, 255))
"""Background, ignored pixels and paper: no class comes close to them."""
_VISION = np.array(
    [
        np.eye(3),
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
         [0.004733, 0.691367, 0.303900]],
    ]
)  # fmt: skip
"""What each kind of vision makes of linear RGB."""
_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)  # of linear sRGB


def colours_of(classes: Sequence[str]) -> tuple[Colour, ...]:
    """One colour for each class, all different; a class of a built-in task keeps its own.

    Args:
        classes: up to 255 different class names.
    """
    used = {NAMED[name] for name in classes if name in NAMED}
    if len(used) == len(classes):
        return tuple(NAMED[name] for name in classes)
    rest: Iterator[Colour] = (colour for colour in series() if colour not in used)
    return tuple(NAMED[name] if name in NAMED else next(rest) for name in classes)


@cache
def series() -> tuple[Colour, ...]:
    """262 different colours, the most distinct first."""
    steps = np.linspace(0, 255, 10).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    seen = _seen(grid)
    found = list(_SERIES)
    start = _seen(np.array([*_TAKEN, *found], np.uint8))
    nearest = np.min([_apart(seen, one) for one in np.moveaxis(start, 1, 0)], axis=0)
    for _ in range(255):
        best = int(nearest.argmax())
        found.append((int(grid[best, 0]), int(grid[best, 1]), int(grid[best, 2])))
        nearest = np.minimum(nearest, _apart(seen, seen[:, best]))
    return tuple(found)


def _seen(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """CIELAB (4, N, 3) of colours (N, 3) for the four kinds of vision."""
    share = rgb / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    xyz = np.einsum("vij,nj->vni", _XYZ @ _VISION, linear).clip(0) / _XYZ.sum(1)
    root = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def _apart(seen: NDArray[np.float64], one: NDArray[np.float64]) -> NDArray[np.float64]:
    """The distance (N,) to one colour (4, 3), for the vision in which it is smallest."""
    distance: NDArray[np.float64] = np.linalg.norm(seen - one[:, None], axis=-1).min(0)
    return distance
