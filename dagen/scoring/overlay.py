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
    present = _present(label, task)
    table = np.zeros((256, 3), np.uint8)
    table[: task.num_classes] = task.colours
    colours = table[label]
    if IGNORE in present:
        for colour, stripe in zip(HATCH, _stripes(label), strict=True):
            colours[stripe] = colour
    return colours


def _present(label: Pixels, task: Task) -> list[int]:
    """The ids in a label, in order.

    Raises:
        UsageError: an id that is neither a class nor 255.
    """
    present = [int(i) for i in np.flatnonzero(np.bincount(label.reshape(-1), minlength=256))]
    for i in present:
        if i >= task.num_classes and i != IGNORE:
            raise UsageError(
                f"the label has the id {i}; ids are 0 to {task.num_classes - 1} "
                f"({', '.join(task.classes)}) and {IGNORE} for ignored."
            )
    return present


def _stripes(label: Pixels) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The ignored pixels in the stripes of either grey."""
    rows, columns = (np.arange(side, dtype=np.int32) for side in label.shape)
    second = np.add.outer(rows, columns) // _STRIPE % 2 == 1
    ignored = label == IGNORE
    return ignored & ~second, ignored & second


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
    drawn, values = image.copy(), np.arange(256)[:, None]
    whole = np.ascontiguousarray(image)
    for i in _present(label, task):
        if i < task.foreground.start:
            continue
        masks = _stripes(label) if i == IGNORE else (label == i,)
        colours = HATCH if i == IGNORE else (task.colours[i],)
        for colour, mask in zip(colours, masks, strict=True):
            # What each value of a channel becomes: a hundred times less to compute than the image.
            blend = np.rint(values * (1 - alpha) + np.array(colour) * alpha).astype(np.uint8)
            mixed = np.asarray(cv2.LUT(whole, blend[None]))
            cv2.copyTo(mixed, mask.view(np.uint8), drawn)
    rows, columns = np.nonzero(_outline(label) & (label >= task.foreground.start))
    table = np.zeros((256, 3), np.uint8)
    table[: task.num_classes] = task.colours
    edge = label[rows, columns]
    drawn[rows, columns] = np.where(
        (edge == IGNORE)[:, None],
        np.array(HATCH, np.uint8)[(rows + columns) // _STRIPE % 2],
        table[edge],
    )
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
