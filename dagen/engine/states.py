"""States of an unfinished run, from which it resumes bit-identically.

A state file is a 32-byte BLAKE2b digest and the output of ``torch.save``; it is read back with
``weights_only=True``.
"""

from __future__ import annotations

import hashlib
import io
import logging
from pathlib import Path
from typing import Any

import torch

from dagen.errors import DagenError
from dagen.system.files import remove, write_atomically

_DIGEST = 32


_KEEP = 2


log = logging.getLogger("dagen")


def save_state(folder: Path, step: int, state: dict[str, Any]) -> None:
    """Write the state after ``step`` steps and delete all but the newest two.

    Raises:
        DagenError: it cannot be written, or an older one cannot be removed.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getvalue()
    digest = hashlib.blake2b(payload, digest_size=_DIGEST).digest()
    write_atomically(folder / f"state-{step:08d}.pt", digest + payload)
    for old in sorted(folder.glob("state-*.pt"))[:-_KEEP]:
        remove(old)


def load_state(folder: Path) -> dict[str, Any] | None:
    """The newest complete state, on the CPU; damaged ones are skipped with a warning.

    Raises:
        DagenError: the system refuses to read one, which may be whole.
    """
    for path in sorted(folder.glob("state-*.pt"), reverse=True):
        try:
            data = path.read_bytes() if path.is_file() else b""
        except OSError as error:
            raise DagenError(
                f"{path} cannot be read: {str(error.strerror).lower()}; make it readable, or "
                "remove it, and the run goes on from an earlier state."
            ) from error
        payload = data[_DIGEST:]
        if hashlib.blake2b(payload, digest_size=_DIGEST).digest() == data[:_DIGEST]:
            state: dict[str, Any] = torch.load(
                io.BytesIO(payload), map_location="cpu", weights_only=True
            )
            return state
        log.warning("%s is damaged and is skipped.", path)
    return None


def drop_states(folder: Path) -> None:
    """Remove all states of a finished run; one that stays only takes space."""
    for path in folder.glob("state-*.pt"):
        try:
            remove(path)
        except DagenError as error:
            log.warning("%s The run is finished and needs it no more.", error)
