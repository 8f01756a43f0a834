"""What a picture file looks like: a photograph, a mask of ids, or one of colours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dagen.datasets.reading.colour_masks import packed
from dagen.datasets.reading.formats import lossy
from dagen.datasets.reading.images import open_image
from dagen.datasets.reading.masks import ONE_CHANNEL, stretch_of
from dagen.errors import DataError, short

_COLOURED = ("RGB", "RGBA", "LA", "PA")
_MOST = 64
"""A picture of more values or colours is a photograph, not a mask."""
_MANY = f"more than {_MOST} values or colours, as soft edges make: save it without smoothing"
_STEP = 7  # a first look at every seventh row and column: photographs are large


@dataclass(frozen=True)
class Mask:
    """What a mask holds.

    Attributes:
        ids: numbers of pixels by id; empty in a mask of colours.
        colours: numbers of pixels by colour, 0xRRGGBB; empty where only ids are seen.
        palette: the colour of each id, if the file has a palette.
    """

    ids: Counter[int] = field(default_factory=Counter)
    colours: Counter[int] = field(default_factory=Counter)
    palette: dict[int, int] = field(default_factory=dict)


def look(path: Path) -> Mask | None:
    """What a mask holds; None for a photograph, a lossy file, and what cannot be read."""
    found = _judged(path)
    return found if isinstance(found, Mask) else None


def why_no_mask(path: Path) -> str:
    """Why a picture does not look like a mask, as the rest of a sentence; empty if it does."""
    found = _judged(path)
    return found if isinstance(found, str) else ""


def _judged(path: Path) -> Mask | str:
    if path.suffix.lower() not in (".png", ".bmp", ".tif", ".tiff"):
        return "is no PNG file: save masks as PNG, from before they were compressed"
    try:
        with open_image(path) as image:
            if compressed := lossy(image, path):
                return f"is {compressed}: save masks as PNG, from before they were compressed"
            if image.mode in ONE_CHANNEL:
                stretch = stretch_of(image)
                ids = _counted(np.array(image).astype(np.int64) // stretch)
                if ids is None:
                    return f"has {_MANY}"
                if max(ids) > 255:
                    return f"has values up to {max(ids)}, and ids are 0 to 255: save it with 8 bits"
                if image.mode != "P":
                    return Mask(ids)
                given = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
                palette = {value: int(packed(given[value])) for value in ids if value < len(given)}
                return Mask(ids, Counter({palette.get(v, 0): n for v, n in ids.items()}), palette)
            if image.mode not in _COLOURED:
                return f"has mode {image.mode}: save it as grey of 8 bits, or RGB"
            pixels = np.array(image.convert("RGB"))
    except (DataError, OSError, ValueError) as error:
        return f"cannot be read ({short(str(error))})"
    if (pixels == pixels[..., :1]).all():  # grey, written as colours
        ids = _counted(pixels[..., 0])
        if ids is None:
            return f"has {_MANY}"
        return Mask(ids, Counter({v * 0x10101: n for v, n in ids.items()}))
    colours = _counted(packed(pixels[::_STEP, ::_STEP])) and _counted(packed(pixels))
    return f"has {_MANY}" if colours is None else Mask(colours=colours)


def by_colour(masks: Iterable[Mask]) -> bool:
    """Whether colours, and not ids, are what masks have in common.

    So it is if some have no ids, or if one id has different colours in two palettes: programs that
    save small files number the colours of each file anew.
    """
    palette: dict[int, int] = {}
    for mask in masks:
        if not mask.ids:
            return True
        for value, colour in mask.palette.items():
            if palette.setdefault(value, colour) != colour:
                return True
    return False


def _counted(values: NDArray[np.generic]) -> Counter[int] | None:
    found, counts = np.unique(values, return_counts=True)
    if len(found) > _MOST:
        return None
    return Counter(dict(zip(found.tolist(), counts.tolist(), strict=True)))
