"""Images and labels, small enough for hundreds of them on one page."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from dagen.types import IGNORE, Pixels, Task

SIDE = 320
"""Longest side of a thumbnail in pixels."""
_QUALITY = 72
_GREY = (128, 128, 128)  # for ignored pixels


def photo(image: Pixels) -> bytes:
    """An image (H, W, 3) uint8 as a small JPEG."""
    file = io.BytesIO()
    Image.fromarray(image).resize(_fitted(image), Image.Resampling.LANCZOS).save(
        file, "jpeg", quality=_QUALITY, optimize=True
    )
    return file.getvalue()


def label(ids: Pixels, task: Task) -> bytes:
    """A label (H, W) uint8 as a small PNG of class colours, background transparent."""
    small = Image.fromarray(ids).resize(_fitted(ids), Image.Resampling.NEAREST)
    colours = np.zeros((256, 3), np.uint8)
    colours[: task.num_classes] = task.colours
    colours[IGNORE] = _GREY
    small.putpalette(colours.tobytes())
    file = io.BytesIO()
    clear = {"transparency": 0} if task.background else {}
    small.save(file, "png", optimize=True, **clear)
    return file.getvalue()


def _fitted(pixels: Pixels) -> tuple[int, int]:
    """Width and height with the long side at most :data:`SIDE`; nothing is enlarged."""
    height, width = pixels.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))
