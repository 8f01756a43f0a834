"""Masks in which each class has a colour, and masks of ids that are stored as colours."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dagen.types import IGNORE

Ids = NDArray[np.int64]
"""(H, W) class ids as a file holds them, or colours as 0xRRGGBB."""

_SHOWN = 5


@dataclass(frozen=True)
class Colours:
    """The meaning of the colours of a data set's masks.

    Attributes:
        ids: ids by colour, 0xRRGGBB.
        alone: whether colours alone say what a mask means; otherwise it may hold ids.
    """

    ids: Mapping[int, int] = field(default_factory=dict)
    alone: bool = False


NONE = Colours()
"""A data set that declares no colours: its masks hold ids."""


class Unclear(Exception):
    """The meaning of a mask is not clear; the text is the rest of a sentence about the mask."""


def written(colour: int) -> str:
    """A colour as ``dagen.toml`` has it, ``#RRGGBB``."""
    return f"#{colour:06X}"


def packed(pixels: NDArray[np.uint8]) -> Ids:
    """Colours as numbers 0xRRGGBB.

    Args:
        pixels: (..., 3) uint8 RGB.
    """
    red, green, blue = np.moveaxis(pixels.astype(np.int64), -1, 0)
    found: Ids = red << 16 | green << 8 | blue
    return found


def meant(ids: Ids | None, colours: Ids | None, declared: Colours, allowed: Collection[int]) -> Ids:
    """The ids that a mask means.

    Args:
        ids: the ids that the file holds, if it can be read so.
        colours: the colours that it shows, if it can be read so.
        declared: the meaning of colours.
        allowed: ids that the file may hold besides 255.

    Returns:
        (H, W); ids that are not allowed are possible only if no colours say otherwise.

    Raises:
        Unclear: colours are not declared, or ids and colours contradict each other.
    """
    shown = None if colours is None else _Shown(colours)
    by_colour = None if shown is None else shown.meant(declared)
    if ids is None:
        assert shown is not None
        if by_colour is None:
            raise Unclear(shown.undeclared(declared))
        return by_colour
    if by_colour is None or np.array_equal(ids, by_colour):
        return ids
    if {*np.unique(ids).tolist()} <= {*allowed, IGNORE}:
        raise Unclear(
            "can be read by its ids and by its colours, which say different things: to read "
            "colours, leave classes and ids out of dagen.toml; to read ids, leave out colours"
        )
    return by_colour


class _Shown:
    """The colours of one mask and their numbers of pixels."""

    def __init__(self, colours: Ids) -> None:
        found, where, counts = np.unique(colours, return_inverse=True, return_counts=True)
        self.where = where.reshape(colours.shape)
        self.counts: dict[int, int] = dict(zip(found.tolist(), counts.tolist(), strict=True))

    def meant(self, declared: Colours) -> Ids | None:
        """The ids of the colours; None if one is not declared."""
        if not self.counts.keys() <= declared.ids.keys():
            return None
        table = np.array([declared.ids[colour] for colour in self.counts], np.int64)
        found: Ids = table[self.where]
        return found

    def undeclared(self, declared: Colours) -> str:
        """What is said about the colours that are not declared."""
        strange = {c: n for c, n in self.counts.items() if c not in declared.ids}
        first = sorted(strange, key=lambda colour: -strange[colour])[:_SHOWN]
        listed = ", ".join(f"{written(colour)} ({strange[colour]} pixels)" for colour in first)
        more = f" and {len(strange) - _SHOWN} more" if len(strange) > _SHOWN else ""
        if not declared.ids:
            return (
                f"is a picture in colours, {listed}{more}, and not of class ids: say what they "
                'mean in a dagen.toml, such as colours = {background = "#000000", can = '
                '"#FF0000"}, or convert them to ids'
            )
        known = ", ".join(written(colour) for colour in declared.ids)
        return (
            f"has {len(strange)} colour(s) that dagen.toml does not declare, {listed}{more}; "
            f"declared: {known}"
        )
