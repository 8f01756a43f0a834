"""Masks: files whose pixels are class ids, or colours that stand for them."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

from dagen.datasets.base import Label
from dagen.datasets.reading import colour_masks
from dagen.datasets.reading.colour_masks import Colours, Unclear, meant, packed
from dagen.datasets.reading.formats import lossy
from dagen.datasets.reading.images import DAMAGED, open_image, short
from dagen.datasets.reading.names import NamesByKey
from dagen.datasets.reading.packed import Picture
from dagen.datasets.reading.paths import canonical_stem, list_images
from dagen.errors import DataError
from dagen.types import IGNORE

_SUFFIXES = (".png", ".bmp", ".tif", ".tiff")
_CHANGED = (
    "which changes ids and colours at edges: save masks as PNG, from before they were compressed"
)
_ALPHA = ("RGBA", "LA", "PA")
ONE_CHANNEL = ("L", "P", "1", "I;16", "I;16B", "I;16L", "I")
"""Pillow's modes of files that hold ids."""

_FEW_BITS = re.compile(r"\bL;([24])\b")  # grey of 2 or 4 bits, which Pillow stretches to 0 ... 255


class MaskFolder:
    """The masks below a folder, by the image that they belong to."""

    def __init__(self, folder: Path) -> None:
        """Nothing is listed yet.

        Args:
            folder: the folder of a split's masks.
        """
        self.folder = folder

    @cached_property
    def _names(self) -> NamesByKey:
        return NamesByKey(list_images(self.folder), canonical_stem)

    def mask_of(self, image: str) -> Path:
        """The mask of an image: its name with another suffix, in capitals or not.

        Args:
            image: the image's path below its folder, with ``/``.

        Returns:
            A path that need not exist. It may be a lossy file, which :func:`read_mask` refuses.

        Raises:
            DataError: several files could be the mask.
        """
        found = self._names[canonical_stem(image)]
        masks = [name for name in found if PurePosixPath(name).suffix.lower() in _SUFFIXES]
        if len(masks) > 1:
            raise DataError(
                f"the image {image} has {len(masks)} masks in {self.folder} ({', '.join(masks)}): "
                "keep one."
            )
        usual = PurePosixPath(image).with_suffix(".png").as_posix()
        return self.folder / (masks or found or [usual])[0]

    def has(self, image: str) -> bool:
        """Whether any file could be the mask of an image; see :meth:`mask_of`."""
        return canonical_stem(image) in self._names


def read_mask(
    path: Picture,
    allowed: Collection[int],
    size: tuple[int, int],
    colours: Colours = colour_masks.NONE,
) -> Label:
    """Decodes a mask: one channel of class ids, or a colour for each class.

    Args:
        path: a file of grey values (1 to 16 bits, also 32-bit whole numbers, or 8 bits as three
            equal channels), or with a palette, whose indices are the ids; or a file of colours.
        allowed: ids that it may contain besides 255.
        size: (H, W) of the image that it belongs to.
        colours: the meaning of colours.

    Returns:
        (H, W) uint8, the ids of the file.

    Raises:
        DataError: the mask is missing, damaged, partly transparent, or lossy; it is of another
            size or contains other ids or colours, which are named together.
    """
    if not path.is_file():
        raise DataError(f"the mask {path} is missing: restore it or get the data again.")
    with open_image(path) as image:
        compressed = lossy(image, path)
        if compressed and not (colours.ids and image.mode == "RGB"):
            raise DataError(f"the mask {path} is {compressed}, {_CHANGED}.")
        try:
            ids, shown = _decoded(image, colours)
        except Unclear as error:
            raise DataError(f"the mask {path} {error}.") from None
        except DAMAGED as error:
            raise DataError(
                f"the mask {path} is damaged or truncated ({short(error)}): replace it."
            ) from None
    problems = []
    found = (shown if ids is None else ids).shape  # type: ignore[union-attr]
    if found != size:
        problems.append(
            f"is {found[1]}x{found[0]} (W x H), but its image is {size[1]}x{size[0]}: "
            "both must be of one size"
        )
    mask = np.zeros(found, np.int64)
    try:
        mask = meant(ids, shown, colours, allowed)
    except Unclear as error:
        problems.append(str(error))
    if strange := _strange(mask, allowed) if mask is ids else "":
        others = ", ".join(map(str, sorted({*allowed} - {IGNORE})))
        last = "" if IGNORE in allowed else " (ignored)"
        problems.append(f"holds the unknown id {strange}; allowed: {others} and {IGNORE}{last}")
    if compressed:
        problems.append(f"is {compressed}, {_CHANGED}")
    if problems:
        raise DataError(f"the mask {path} {'; it '.join(problems)}.")
    return mask.astype(np.uint8)


def _decoded(
    image: ImageFile.ImageFile, colours: Colours
) -> tuple[NDArray[np.int64] | None, NDArray[np.int64] | None]:
    """The ids that a file holds, and the colours that it shows; None if it has none.

    Raises:
        Unclear: it holds neither, or is partly transparent.
    """
    mode = image.mode
    stored = [str(tile) for tile in image.tile]  # gone once the pixels are loaded
    stretch = stretch_of(image)
    ImageOps.exif_transpose(image, in_place=True)  # upright, as its image is read
    flat: Image.Image = image
    if mode in _ALPHA or ("transparency" in image.info and (mode == "RGB" or colours.alone)):
        _require_opaque(image)
        flat = image.convert("L" if mode == "LA" else "RGB")
    if flat.mode == "RGB" or (colours.alone and mode in ("L", "P", "1")):
        if any(";16" in tile for tile in stored):
            raise Unclear("has 16 bits a channel: save it with 8")
        pixels = np.array(flat.convert("RGB"))
        grey = not colours.alone and bool((pixels == pixels[..., :1]).all())
        return pixels[..., 0].astype(np.int64) if grey else None, packed(pixels)
    if flat.mode not in ONE_CHANNEL or colours.alone:
        raise Unclear(
            f"has mode {mode}; it must have one channel of class ids (mode L, P or I;16), or a "
            "colour for each class (mode RGB or P): convert it"
        )
    ids = np.array(flat).astype(np.int64) // stretch
    if mode != "P" or not colours.ids:
        return ids, None
    palette = np.zeros((256, 3), np.uint8)
    given = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    palette[: len(given)] = given
    return ids, packed(palette)[ids]


def _require_opaque(image: ImageFile.ImageFile) -> None:
    alpha = np.array(image.convert("RGBA"))[..., 3]
    if clear := int((alpha < 255).sum()):
        raise Unclear(
            f"has an alpha channel that is not opaque in {clear} of {alpha.size} pixels: save it "
            "without transparency"
        )


def stretch_of(image: ImageFile.ImageFile) -> int:
    """By how much Pillow multiplies the ids of a file with few bits a pixel.

    Args:
        image: an opened file whose pixels have not been loaded.
    """
    for tile in map(str, image.tile):
        if found := _FEW_BITS.search(tile):
            return 85 if found[1] == "2" else 17
    return 1


def _strange(mask: NDArray[np.int64], allowed: Collection[int]) -> str:
    found = np.unique(mask).tolist()
    strange = sorted({*found} - {*allowed, IGNORE})
    return ", ".join(map(str, strange[:5])) + (", ..." if len(strange) > 5 else "")
