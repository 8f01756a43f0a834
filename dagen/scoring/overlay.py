"""Labels as colour images, and as overlays on their images.

A class has the same colour in every image: its colour in the task, see :mod:`dagen.colours`.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dagen.errors import UsageError
from dagen.types import IGNORE, Pixels, Task

HATCH: tuple[tuple[int, int, int], tuple[int, int, int]] = ((170, 170, 170), (90, 90, 90))
"""The two greys of ignored pixels."""

_STRIPE = 3  # width of a grey stripe in pixels
_BAND = 2 * _STRIPE * 100  # rows; whole pairs of stripes, so that they go on


def colourise(label: Pixels, task: Task) -> Pixels:
    """A label as an image: one colour per class, ignored pixels hatched in two greys.

    Args:
        label: (H, W) uint8 class ids of the task, or 255.
        task: its classes and their colours.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        UsageError: an id that is neither a class nor 255.
    """
    wrong = np.setdiff1d(label, [*range(task.num_classes), IGNORE])
    if len(wrong):
        raise UsageError(
            f"the label has the id {wrong[0]}; ids are 0 to {task.num_classes - 1} "
            f"({', '.join(task.classes)}) and {IGNORE} for ignored."
        )
    table = np.zeros((256, 3), np.uint8)
    table[: task.num_classes] = task.colours
    colours = table[label]
    diagonal = np.add.outer(np.arange(label.shape[0]), np.arange(label.shape[1])) // _STRIPE % 2
    return np.where((label == IGNORE)[..., None], np.array(HATCH, np.uint8)[diagonal], colours)


def overlay(image: Pixels, label: Pixels, task: Task, alpha: float = 0.45) -> Pixels:
    """A label drawn over its image, with outlines of regions; background stays unchanged.

    Args:
        image: (H, W, 3) uint8 RGB.
        label: (H, W) uint8 class ids of the task, or 255.
        task: its classes and their colours.
        alpha: 0 shows the outlines alone, 1 hides the image under them.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        UsageError: image and label differ in size, a wrong id, or ``alpha`` outside 0 to 1.
    """
    if image.shape != (*label.shape, 3):
        raise UsageError(
            f"an overlay needs a label of the image's size; the image is {image.shape} and the "
            f"label {label.shape}."
        )
    if not 0 <= alpha <= 1:
        raise UsageError(f"alpha is {alpha}; it must be from 0 to 1.")
    drawn, marked = np.empty_like(image), label >= task.foreground.start
    outline = _outline(label) & marked
    # In bands of rows: the sums take a hundred bytes a pixel.
    for top in range(0, label.shape[0], _BAND):
        rows = slice(top, top + _BAND)
        colours = colourise(label[rows], task)
        blend = np.rint(image[rows] * (1 - alpha) + colours * alpha).astype(np.uint8)
        inside = np.where(marked[rows][..., None], blend, image[rows])
        drawn[rows] = np.where(outline[rows][..., None], colours, inside)
    return drawn


def _outline(label: Pixels) -> NDArray[np.bool_]:
    """The pixels at borders between labels; borders are thicker in large images."""
    reach = 2 * max(1, round(max(label.shape) / 500)) + 1
    window = np.ones((reach, reach), np.uint8)
    # The largest and the smallest id nearby differ exactly where two labels meet.
    change = np.asarray(cv2.dilate(label, window)) != np.asarray(cv2.erode(label, window))
    return np.asarray(change)


def legend(task: Task, width: int, *, ignored: bool = False, size: int = 15) -> Image.Image:
    """A strip that names the colours; background is left out.

    Args:
        task: its classes and their colours.
        width: width of the strip in pixels; entries that do not fit start a new line.
        ignored: whether to name the hatched grey too.
        size: height of the letters in pixels.

    Returns:
        An RGB image of that width, black on white.
    """
    font = ImageFont.load_default(size=size)
    ids = [*task.foreground, *([IGNORE] if ignored else [])]
    names = [task.classes[i] if i != IGNORE else "ignored" for i in ids]
    line, gap = round(1.6 * size), size // 2
    places, x, y = [], 0, 0
    for name in names:
        needed = size + gap + round(font.getlength(name)) + 3 * gap
        if x and x + needed > width:
            x, y = 0, y + line
        places.append((x, y))
        x += needed
    strip = Image.new("RGB", (width, y + line), "white")
    draw = ImageDraw.Draw(strip)
    for i, name, (left, top) in zip(ids, names, places, strict=True):
        swatch = colourise(np.full((size, size), i, np.uint8), task)
        strip.paste(Image.fromarray(swatch), (left, top + (line - size) // 2))
        draw.text((left + size + gap, top + line // 2), name, "black", font, anchor="lm")
    return strip
