"""Numbers of threads that a user may ask for."""

from __future__ import annotations

import os

from dagen.errors import UsageError

_MOST = 1024


def cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_threads(threads: int | None) -> None:
    """Check a number of threads; None is the default of whatever computes.

    Raises:
        UsageError: it is out of range.
    """
    if threads is not None and not 1 <= threads <= _MOST:
        raise UsageError(
            f"threads is {threads}; it must be from 1 to {_MOST} (here are {cores()} cores)."
        )
