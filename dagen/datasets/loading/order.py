"""The order in which a run draws images, a pure function of a generator.

Images in files of their own are drawn in any order. Those in shards (tar files) come from a few
shards at a time, so that shards that do not fit the disk are each fetched once an epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

OPEN = 4
"""Shards whose images are drawn together."""

ALONE = -1
"""The number of the shard of an image in a file of its own."""


@dataclass(frozen=True, eq=False)
class Shards:
    """Which images of a data set lie in one file.

    Attributes:
        of: (N,) int32, the number of each image's shard, from 0; ``ALONE`` for a file of its own.
    """

    of: NDArray[np.int32]


def epoch(draw: np.random.Generator, count: int, shards: Shards | None) -> NDArray[np.int64]:
    """The order of all images in one epoch.

    The shards come in random order, ``OPEN`` of them together, and the images of those in random
    order. Images in files of their own are spread over the whole epoch.

    Args:
        draw: the epoch's generator.
        count: number of images.
        shards: where they are; None if each has a file of its own.
    """
    if shards is None:
        return draw.permutation(count)
    number = int(shards.of.max(initial=ALONE)) + 1
    turn = np.append(draw.permutation(number) // OPEN, 0)[shards.of]
    alone = shards.of == ALONE
    turn[alone] = draw.integers(0, max(1, -(-number // OPEN)), int(alone.sum()))
    return np.lexsort((draw.permutation(count), turn))


def joined(parts: Sequence[Shards | None], which: NDArray[Any], own: NDArray[Any]) -> Shards | None:
    """The shards of a data set whose images come from others; None if none of them has any.

    Args:
        parts: the shards of the others.
        which: (N,) int, the other data set of each image.
        own: (N,) int, its position there.
    """
    if all(part is None for part in parts):
        return None
    of = np.full(len(which), ALONE, np.int32)
    first = 0
    for number, part in enumerate(parts):
        if part is None:
            continue
        chosen = which == number
        theirs = part.of[own[chosen]]
        of[chosen] = np.where(theirs == ALONE, ALONE, theirs + first)
        first += int(part.of.max(initial=ALONE)) + 1
    return Shards(of)
