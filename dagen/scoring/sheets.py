"""Prediction sheets: rows of images under titles, with a legend and a caption.

They are drawn with Pillow and its built-in typeface, so a sheet needs no plotting library and looks
the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dagen.errors import UsageError
from dagen.scoring.overlay import legend, overlay
from dagen.system.files import write_atomically
from dagen.types import Pixels, Task

_GAP = 8  # pixels between images
_MARGIN = 16
_TITLE = 18  # height of letters in pixels
_TEXT = 15


def sheet(
    rows: Sequence[tuple[Pixels, Sequence[Pixels]]],
    titles: Sequence[str],
    caption: str,
    path: Path,
    task: Task,
    cell: int = 256,
) -> None:
    """Write a sheet of images and their labels (truth, source-only, adapted ...).

    Args:
        rows: each has an image (H, W, 3) uint8 RGB and its labels (H, W) uint8, of one size.
        titles: titles of the columns; the first is the image's.
        caption: what was run, on which data, with which seed; broken into lines as needed.
        path: the PNG file to write; its folder exists.
        task: its classes and their colours.
        cell: long side of an image in the sheet, in pixels.

    Raises:
        UsageError: no row, a row with another number of images than titles, or a wrong label.
        DagenError: the file cannot be written.
    """
    cells = [laid_out(image, labels, task, cell) for image, labels in rows]
    ignored = any(255 in label for _, labels in rows for label in labels)
    picture = grid(cells, titles, caption, legend_of=(task, ignored), cell=cell)
    write_atomically(path, lambda file: picture.save(file, "png", optimize=True))


def laid_out(image: Pixels, labels: Sequence[Pixels], task: Task, cell: int = 256) -> list[Pixels]:
    """One row of a sheet: the image, then each label drawn over it.

    Labels are drawn at the sheet's own size, so that outlines stay thin and sharp.

    Args:
        image: (H, W, 3) uint8 RGB.
        labels: (H, W) uint8, of the image's size.
        task: its classes and their colours.
        cell: long side of the resulting images, in pixels.

    Raises:
        UsageError: an id that is neither a class nor 255.
    """
    fitted = _fitted(image, cell)
    small = np.asarray(_scaled(image, cell))
    nearest = Image.Resampling.NEAREST
    fine = [np.asarray(Image.fromarray(label).resize(fitted, nearest)) for label in labels]
    return [small, *(overlay(small, label, task) for label in fine)]


def grid(
    rows: Sequence[Sequence[Pixels]],
    titles: Sequence[str],
    caption: str,
    *,
    legend_of: tuple[Task, bool] | None = None,
    cell: int = 256,
) -> Image.Image:
    """Images in rows and columns.

    Args:
        rows: images (H, W, 3) uint8 RGB; each is scaled to ``cell`` and centred in its place.
        titles: one per column; an empty string for none.
        caption: below everything, broken into lines as needed.
        legend_of: the task and whether ignored pixels are named; None for no legend.
        cell: long side of an image, in pixels.

    Returns:
        An RGB image, black on white.

    Raises:
        UsageError: no row, or a row with another number of images than titles.
    """
    if not rows or any(len(row) != len(titles) for row in rows):
        raise UsageError(
            f"a sheet needs one or more rows of as many images as titles; there are "
            f"{len(titles)} title(s) and rows of {[len(row) for row in rows]} image(s)."
        )
    scaled = [[_scaled(picture, cell) for picture in row] for row in rows]
    widths = [max(row[k].width for row in scaled) for k in range(len(titles))]
    heights = [max(picture.height for picture in row) for row in scaled]
    inner = sum(widths) + _GAP * (len(widths) - 1)
    head = round(1.7 * _TITLE) if any(titles) else 0
    key = legend(legend_of[0], inner, ignored=legend_of[1], size=_TEXT) if legend_of else None
    font = ImageFont.load_default(size=_TEXT)
    lines = _broken(caption, font, inner)
    below = (key.height + _GAP if key else 0) + round(1.4 * _TEXT) * len(lines)
    height = 2 * _MARGIN + head + sum(heights) + _GAP * len(heights) + below
    page = Image.new("RGB", (inner + 2 * _MARGIN, height), "white")
    draw = ImageDraw.Draw(page)
    x = _MARGIN
    for title, width in zip(titles, widths, strict=True):
        _title(draw, title, (x + width // 2, _MARGIN + head // 2), width)
        x += width + _GAP
    y = _MARGIN + head
    for row, tall in zip(scaled, heights, strict=True):
        x = _MARGIN
        for picture, width in zip(row, widths, strict=True):
            page.paste(
                picture, (x + (width - picture.width) // 2, y + (tall - picture.height) // 2)
            )
            x += width + _GAP
        y += tall + _GAP
    if key:
        page.paste(key, (_MARGIN, y))
        y += key.height + _GAP
    for line in lines:
        draw.text((_MARGIN, y), line, (70, 70, 70), font)
        y += round(1.4 * _TEXT)
    return page


def _fitted(picture: Pixels, cell: int) -> tuple[int, int]:
    """Width and height with the long side at ``cell``."""
    scale = cell / max(picture.shape[:2])
    return max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))


def _scaled(picture: Pixels, cell: int) -> Image.Image:
    return Image.fromarray(picture).resize(_fitted(picture, cell), Image.Resampling.LANCZOS)


def _title(draw: ImageDraw.ImageDraw, title: str, at: tuple[int, int], width: int) -> None:
    """A centred title, in smaller letters if it is wider than its column."""
    needed = ImageFont.load_default(size=_TITLE).getlength(title)
    size = _TITLE if needed <= width else max(8, int(_TITLE * width / needed))
    draw.text(at, title, "black", ImageFont.load_default(size=size), anchor="mm")


def _broken(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """``text`` in lines of at most ``width`` pixels, broken at spaces; its own breaks are kept."""
    lines: list[str] = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".strip()
            if line and font.getlength(longer) > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return lines
