"""Drafts: files under construction beside their final path, and what a kill leaves of them.

The process that writes a draft holds a lock on it, which the system frees when the process ends in
whatever way. So a draft that can be locked has no writer any more, and may be removed.
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

_NAME = re.compile(r"\..+\.[0-9a-f]{8}\.tmp", re.DOTALL)


def open_draft(path: Path) -> tuple[Path, BinaryIO]:
    """A new, locked file beside ``path``, to be renamed to it before it is closed.

    Its suffix is another one, so that no glob for results or checkpoints finds it. The first draft
    that a process opens in a folder removes what killed processes have left there.

    Returns:
        Its path, and the file, open for writing bytes.

    Raises:
        OSError: it cannot be made.
    """
    _sweep_once(path.parent)
    while True:
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        file = open(draft, "xb")  # noqa: SIM115 - the caller closes it
        _lock(file.fileno(), wait=True)
        # Another process may have removed it before it was locked.
        if os.name == "nt" or os.fstat(file.fileno()).st_nlink:
            return draft, file
        file.close()


def sweep(folder: Path) -> None:
    """Remove the drafts in ``folder`` whose processes have ended; a missing folder is empty.

    Nothing is raised: what cannot be removed stays.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                _remove(Path(entry.path))


@cache
def _sweep_once(folder: Path) -> None:
    sweep(folder)


def _remove(draft: Path) -> None:
    with suppress(OSError), open(draft, "r+b") as file:
        if _lock(file.fileno(), wait=False):
            draft.unlink()


def _lock(descriptor: int, *, wait: bool) -> bool:
    """Lock a file; False if another process holds it, or the file system knows no locks."""
    if os.name == "nt":
        return False
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True
