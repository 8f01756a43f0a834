"""Of the processes that ``torchrun`` starts, rank 0 alone prints; errors are told by all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from dagen.errors import UsageError

SHARED = ("train", "adapt", "pretrain", "evaluate")
"""The commands whose work several processes share."""


def speaks() -> bool:
    """Whether this process prints results and warnings."""
    return _processes() == 1 or os.environ.get("RANK", "0") == "0"


def require_alone(command: str) -> None:
    """Refuse several processes for a command whose work they do not share.

    They would do all of it each, or wait for each other for ever.

    Raises:
        UsageError: there are several.
    """
    if (count := _processes()) > 1 and command not in SHARED:
        more = "; --jobs and --engine ray share out its cells" if command == "benchmark" else ""
        raise UsageError(
            f"dagen {command} runs in one process, and there are {count}: start it without "
            f"torchrun{more}. These share their work: {', '.join(SHARED)}."
        )


def _processes() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def one_voice() -> Iterator[None]:
    """Print nothing inside the block unless this process :func:`speaks`."""
    if speaks():
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        yield
