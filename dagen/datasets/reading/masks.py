"""Index masks: files whose pixels are class ids."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

from dagen.datasets.base import Label
from dagen.datasets.reading.images import DAMAGED, open_image, short
from dagen.datasets.reading.paths import canonical_stem, list_images
from dagen.errors import DataError
from dagen.types import IGNORE

_SUFFIXES = (".png", ".bmp", ".tif", ".tiff")
_LOSSY = frozenset({"JPEG", "MPO", "JPEG2000"})
_MODES = ("L", "P", "1", "I;16", "I;16B", "I;16L", "I")
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
    def _names(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for name in list_images(self.folder):
            names.setdefault(canonical_stem(name), []).append(name)
        return names

    def mask_of(self, image: str) -> Path:
        """The mask of an image: its name with another suffix, in capitals or not.

        Args:
            image: the image's path below its folder, with ``/``.

        Returns:
            A path that need not exist. It may be a JPEG file, which :func:`read_mask` refuses.

        Raises:
            DataError: several files could be the mask.
        """
        found = self._names.get(canonical_stem(image), [])
        masks = [name for name in found if PurePosixPath(name).suffix.lower() in _SUFFIXES]
        if len(masks) > 1:
            raise DataError(
                f"the image {image} has {len(masks)} masks in {self.folder} ({', '.join(masks)}): "
                "keep one."
            )
        usual = PurePosixPath(image).with_suffix(".png").as_posix()
        return self.folder / (masks or found or [usual])[0]


def read_mask(path: Path, allowed: Collection[int], size: tuple[int, int]) -> Label:
    """Decodes an index mask: one channel whose values are class ids.

    Args:
        path: a file of grey values (1 to 16 bits, also 32-bit whole numbers), or with a palette,
            whose indices are the ids.
        allowed: ids that it may contain besides 255.
        size: (H, W) of the image that it belongs to.

    Returns:
        (H, W) uint8, the ids of the file.

    Raises:
        DataError: the mask is missing, damaged, not an index mask, or a JPEG; it is of another
            size or contains other ids, which are named together.
    """
    if not path.is_file():
        raise DataError(f"the mask {path} is missing: restore it or get the data again.")
    with open_image(path) as image:
        if image.format in _LOSSY:
            raise DataError(
                f"the mask {path} is a JPEG file, which changes ids at edges: save masks as PNG, "
                "from before they became JPEG."
            )
        if image.mode not in _MODES:
            raise DataError(
                f"the mask {path} has mode {image.mode}; it must be an index mask, one channel "
                "holding class ids (mode L, P or I;16): convert its colours to ids."
            )
        stretch = _stretch(image)
        try:
            mask = np.array(image)
        except DAMAGED as error:
            raise DataError(
                f"the mask {path} is damaged or truncated ({short(error)}): replace it."
            ) from None
    mask = mask.astype(np.int64) // stretch
    problems = []
    if mask.shape != size:
        problems.append(
            f"is {mask.shape[1]}x{mask.shape[0]} (W x H), but its image is {size[1]}x{size[0]}: "
            "both must be of one size"
        )
    if strange := _strange(mask, allowed):
        problems.append(
            f"holds the unknown id {strange}; allowed: {', '.join(map(str, sorted(allowed)))} and "
            f"{IGNORE} (ignored)"
        )
    if problems:
        raise DataError(f"the mask {path} {'; it '.join(problems)}.")
    return mask.astype(np.uint8)


def _stretch(image: ImageFile.ImageFile) -> int:
    """By how much Pillow multiplies the ids of a file with few bits a pixel."""
    for tile in image.tile:
        if found := _FEW_BITS.search(str(tile)):
            return 85 if found[1] == "2" else 17
    return 1


def _strange(mask: NDArray[np.int64], allowed: Collection[int]) -> str:
    found = np.unique(mask).tolist()
    strange = sorted({*found} - {*allowed, IGNORE})
    return ", ".join(map(str, strange[:5])) + (", ..." if len(strange) > 5 else "")
