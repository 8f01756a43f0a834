"""Of the processes that ``torchrun`` starts, rank 0 alone prints; errors are told by all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout


def speaks() -> bool:
    """Whether this process prints results and warnings."""
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return not several or os.environ.get("RANK", "0") == "0"


@contextmanager
def one_voice() -> Iterator[None]:
    """Print nothing inside the block unless this process :func:`speaks`."""
    if speaks():
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        yield
