"""Image files as arrays: upright photographs."""

from __future__ import annotations

import re
import struct
import warnings
from pathlib import Path

import numpy as np
from PIL import Image as Pil
from PIL import ImageFile, ImageOps

from dagen.datasets.base import Image
from dagen.datasets.reading.paths import SUFFIXES
from dagen.errors import DataError, UsageError

_ORIENTATION = 0x0112
_DEEP = re.compile(";16[BLN]")  # Pillow's raw modes; BGR;16 is 16 bits for all channels together
_TRANSPOSED = frozenset({5, 6, 7, 8})
# Errors of Pillow for a file that is not what it claims to be.
DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    struct.error,
    OverflowError,
    Pil.DecompressionBombError,
)


def open_image(path: Path) -> ImageFile.ImageFile:
    """The opened image file, of which only the header is read.

    Raises:
        DataError: the file is missing or not an image.
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns at 89 megapixels and refuses twice that; the warning does not matter.
            warnings.simplefilter("ignore", Pil.DecompressionBombWarning)
            return Pil.open(path)
    except FileNotFoundError:
        raise DataError(f"the image {path} is missing: restore it or get the data again.") from None
    except DAMAGED as error:
        raise DataError(
            f"{path} cannot be read as an image ({short(error)}): replace it."
        ) from None


def read_image(path: Path) -> Image:
    """Decodes an image file.

    Returns:
        (H, W, 3) uint8 RGB, turned upright by its EXIF orientation.

    Raises:
        DataError: the file is missing, damaged, truncated, or has more than 8 bits a channel.
    """
    with open_image(path) as image:
        if _is_deep(image):
            raise DataError(f"{path} has more than 8 bits a channel: save it as 8-bit RGB.")
        try:
            upright = ImageOps.exif_transpose(image)
            return np.array(upright.convert("RGB"), dtype=np.uint8)
        except DAMAGED as error:
            raise DataError(
                f"the image {path} is damaged or truncated ({short(error)}): replace it."
            ) from None


def _is_deep(image: ImageFile.ImageFile) -> bool:
    """Whether a channel has more than 8 bits, before the pixels are decoded.

    Pillow opens 16-bit colours in mode RGB and drops the lower bits, so that a photograph that uses
    few of the upper ones turns black: only the tiles show the stored depth.
    """
    stored = map(str, image.tile)
    return image.mode.startswith(("I", "F")) or any(_DEEP.search(tile) for tile in stored)


def image_size(path: Path) -> tuple[int, int]:
    """(H, W) of the upright image in pixels, from the file's header if possible.

    Raises:
        DataError: the file is missing or not an image.
    """
    with open_image(path) as image:
        if image.width == image.height:  # rotation is irrelevant; EXIF may follow a PNG's pixels
            return image.height, image.width
        try:
            turned = image.getexif().get(_ORIENTATION) in _TRANSPOSED
        except DAMAGED as error:
            raise DataError(f"{path} has damaged EXIF data ({short(error)}): replace it.") from None
        return (image.width, image.height) if turned else (image.height, image.width)


def short(error: BaseException) -> str:
    """The error's message on one line of at most 120 characters."""
    return " ".join(str(error).split())[:120] or type(error).__name__


def find_images(path: Path) -> list[Path]:
    """The image at ``path``, or all images below it, sorted.

    Raises:
        UsageError: there is no image.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UsageError(f"{path} does not exist; give an image or a folder of images.")
    found = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
    if not found:
        raise UsageError(f"{path} has no image ({', '.join(sorted(SUFFIXES))}).")
    return found
