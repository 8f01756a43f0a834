"""COCO's run lengths as pixels: lists of numbers, or their compressed form, a string."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FIRST = 48  # "0" stands for six zero bits
_LONGEST = 7  # characters of one number: 35 bits, more than any image has pixels


def decompress(text: str) -> list[int]:
    """The run lengths of COCO's compressed form (pycocotools, detectron2 and SAM write it).

    Each character holds five bits of a number, the lowest first, and a bit that says whether more
    follow. From the fourth number on, the difference to the number two before is stored.

    Raises:
        ValueError: a character that the form does not have, a number that is cut off or too large,
            or a negative run.
    """
    counts: list[int] = []
    value = digits = 0
    for character in text:
        bits = ord(character) - _FIRST
        if not 0 <= bits < 64 or digits == _LONGEST:
            raise ValueError(
                f"the compressed run lengths of a mask are damaged at the character {character!r}"
            )
        value |= (bits & 31) << 5 * digits
        digits += 1
        if bits & 32:
            continue
        if bits & 16:  # the sign
            value -= 1 << 5 * digits
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = digits = 0
        if counts[-1] < 0:
            raise ValueError(
                "the compressed run lengths of a mask are damaged: run "
                f"{len(counts)} has the length {counts[-1]}"
            )
    if digits:
        raise ValueError("the compressed run lengths of a mask are cut off in a number")
    return counts


def runs_area(counts: list[int]) -> int:
    """Number of pixels in the runs of ones."""
    return sum(counts[1::2])


def fill_runs(canvas: NDArray[np.uint8], counts: list[int], value: int) -> None:
    """Set the pixels of COCO's uncompressed run lengths in place.

    Args:
        canvas: (H, W) uint8.
        counts: lengths of the runs of zeros and ones in turn, starting with zeros, column by
            column from the left.
        value: 0 to 255.

    Raises:
        ValueError: a negative run, or runs that do not add up to H x W.
    """
    if min(counts, default=0) < 0 or sum(counts) != canvas.size:
        raise ValueError(
            f"the runs of a mask add up to {sum(counts)} pixels; the image has {canvas.size}"
        )
    ones = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    canvas[ones.reshape(canvas.shape[::-1]).T] = value
