"""Locks between processes: who works on a run, a grid or a store, and who waits for it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagen.errors import DagenError
from dagen.system.files import unwritable

logger = logging.getLogger("dagen")

_POLL = 0.2  # seconds between two attempts to get a lock


class Occupied(DagenError):
    """Another process has held a lock for too long."""


@contextmanager
def exclusive(
    path: Path, what: str, *, tell_after: float = 0.0, give_up_after: float = -1.0
) -> Iterator[None]:
    """Hold a lock inside the block; while another process holds it, wait.

    The system frees the lock of a process that dies, so nobody waits for a dead one. A wait is
    said in one line, as a warning, so that it is shown without a progress display too.

    Args:
        path: the lock file. Its folder exists; it is made if it is missing, and it stays.
        what: what is locked, as the subject of a sentence, such as ``"the run NAME"``.
        tell_after: seconds of waiting before the line is shown.
        give_up_after: further seconds of waiting before an error; a negative number is for ever.

    Raises:
        Occupied: another process still holds it after that time.
        DagenError: the lock file cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        try:
            lock.acquire(timeout=tell_after, poll_interval=_POLL)
        except Timeout:
            if give_up_after != 0:
                logger.warning("%s is in use by another process; waiting for it to end.", what)
            lock.acquire(timeout=give_up_after, poll_interval=_POLL)
    except Timeout:
        raise Occupied(
            f"{what} is still in use by another process; wait for it to end, or stop it, and run "
            "again."
        ) from None
    except OSError as error:
        raise unwritable("file", path, error) from error
    try:
        yield
    finally:
        lock.release()
