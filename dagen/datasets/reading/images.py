"""Image files as arrays: upright photographs."""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image as Pil
from PIL import ImageFile, ImageOps

from dagen.datasets.base import Image
from dagen.datasets.reading.formats import READ, strange_format, unread
from dagen.datasets.reading.packed import Picture
from dagen.errors import DataError

MOST = 2**27
"""Pixels of the largest picture that is read; decoding it takes about 1.3 GB of memory."""

_WIDTH, _HEIGHT, _ORIENTATION = 256, 257, 274  # TIFF's tags; EXIF has the last one, too
_DEEP = re.compile(r";16[BLN]")  # Pillow's raw modes; BGR;16 is 16 bits for all channels together
_DEEP_GREY = re.compile(r"\bI;16[BLN]?\b")
_DIM = 16  # the upper 8 of 16 bits are below this in a picture of 12 bits or fewer
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
)


def open_image(path: Picture) -> ImageFile.ImageFile:
    """The opened image file, of which only the header is read.

    Raises:
        DataError: the file is missing, not an image, of a format that is not read, or has too many
            pixels.
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns at 89 megapixels and refuses twice that; the limit here is another.
            warnings.simplefilter("ignore", Pil.DecompressionBombWarning)
            image = Pil.open(path if isinstance(path, Path) else path.open())
            # Without a name Pillow does not map the file into memory; of a TIFF that is turned by
            # 90 degrees it would map rows of the wrong length.
            image.filename = ""
    except FileNotFoundError:
        raise DataError(f"the image {path} is missing: restore it or get the data again.") from None
    except Pil.DecompressionBombError:
        raise _too_large(path) from None
    except DAMAGED as error:
        if strange_format(path):
            raise DataError(unread(path)) from None
        raise DataError(
            f"{path} cannot be read as an image ({short(error)}): replace it."
        ) from None
    if image.format not in READ:
        image.close()
        raise DataError(unread(path, strange_format(path) or image.format))
    if image.width * image.height > MOST:
        image.close()
        raise _too_large(path)
    return image


def _too_large(path: Picture) -> DataError:
    return DataError(
        f"{path} has more than {MOST // 10**6} megapixels, which are not read: scale it down, or "
        "cut it into parts."
    )


def read_image(path: Picture) -> Image:
    """Decodes an image file, for training, scoring and predicting alike.

    Of 16 bits a channel the upper 8 are kept, so a picture of 16 bits is the picture of 8 bits that
    shows the same. The full range counts, not the range that the picture happens to use.

    Returns:
        (H, W, 3) uint8 RGB, turned upright by its EXIF orientation.

    Raises:
        DataError: the file is missing, damaged, truncated or too large, holds floating-point or
            32-bit numbers, or 16 bits a channel of which it uses 12 or fewer.
    """
    with open_image(path) as image:
        stored = [str(tile) for tile in image.tile]
        deep_grey = any(_DEEP_GREY.search(tile) for tile in stored)
        if image.mode.startswith(("I", "F")) and not deep_grey:
            raise DataError(
                f"{path} holds floating-point or 32-bit numbers, whose range is not known: save it "
                "with 8 bits a channel."
            )
        try:
            flat = _upper_bits(image) if deep_grey else image
            ImageOps.exif_transpose(flat, in_place=True)
            pixels = np.array(flat if flat.mode == "RGB" else flat.convert("RGB"), dtype=np.uint8)
        except DAMAGED as error:
            raise DataError(
                f"the image {path} is damaged or truncated ({short(error)}): replace it."
            ) from None
    if any(_DEEP.search(tile) for tile in stored) and pixels.max() < _DIM:
        raise DataError(
            f"{path} has 16 bits a channel but no value of 4,096 or more of 65,535, so it would be "
            "black: scale it to the full range, or save it with 8 bits a channel."
        )
    return pixels


def _upper_bits(image: ImageFile.ImageFile) -> Pil.Image:
    """A grey picture of 16 bits in 8; Pillow does the same with colours of 16 bits by itself."""
    grey = Pil.fromarray((np.array(image).astype(np.int32) >> 8).clip(0, 255).astype(np.uint8))
    grey.getexif()[_ORIENTATION] = image.getexif().get(_ORIENTATION, 1)
    return grey


def image_size(path: Picture) -> tuple[int, int]:
    """(H, W) of the upright image in pixels, from the file's header if possible.

    Raises:
        DataError: the file is missing or not an image.
    """
    with open_image(path) as image:
        width, height = image.size
        if width == height:  # rotation is irrelevant; EXIF may follow a PNG's pixels
            return height, width
        if image.format == "TIFF":  # some releases of Pillow have turned the size already
            tags: Mapping[int, int] = getattr(image, "tag_v2", {})
            width, height = tags[_WIDTH], tags[_HEIGHT]
        try:
            turned = image.getexif().get(_ORIENTATION) in _TRANSPOSED
        except DAMAGED as error:
            raise DataError(f"{path} has damaged EXIF data ({short(error)}): replace it.") from None
        return (width, height) if turned else (height, width)


def short(error: BaseException) -> str:
    """The error's message on one line of at most 120 characters."""
    return " ".join(str(error).split())[:120] or type(error).__name__
