"""The fixed split of TACO: which photographs are train, val and test.

TACO's own tool draws a new random split at every call, so that no two papers share one, and it
separates photographs of one scene. Here the split is a fixed rule, the same on every machine:
photographs of one scene were taken and numbered one after another, so ten consecutive numbers of
one batch (``batch_3/00012x``) form a block, and the first 8 bytes of the SHA-256 of the block's
name, read as a fraction of one, decide its split: below 0.6 train, below 0.8 val, else test.

Your own ``splits.json`` takes precedence over this rule: see :mod:`dagen.datasets.taco`.
"""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath

from dagen.datasets.base import Split

_BOUNDS: tuple[tuple[float, Split], ...] = ((0.6, "train"), (0.8, "val"), (1.0, "test"))


def split_of(file_name: str) -> Split:
    """The split of a photograph.

    Args:
        file_name: as in ``annotations.json``, such as ``batch_1/000006.jpg``; neither the
            ending nor its case matters.
    """
    stem = PurePosixPath(file_name).with_suffix("").as_posix()
    digest = hashlib.sha256(stem[:-1].encode()).digest()
    fraction = int.from_bytes(digest[:8], "big") / 2**64
    return next(split for bound, split in _BOUNDS if fraction < bound or split == "test")
