"""What earlier calls exported and measured: a ladder that was killed goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dagen.system.sealing import unsealed, write_record

FILE = "journal.json"
"""Its name in the folder of the files."""


class Journal:
    """The losses of files that are as they were when these were measured.

    An entry counts if the same was asked (network, images, calibration, versions) and the file has
    the same bytes. A damaged journal is an empty one: then all is measured again.
    """

    def __init__(self, folder: Path) -> None:
        """Read the journal of a folder, if there is one."""
        self._folder = folder
        self._entries: dict[str, Any] = {}
        with suppress(OSError, ValueError, RecursionError):
            self._entries = unsealed(json.loads((folder / FILE).read_text(encoding="utf-8")))

    def loss(self, file: Path, asked: Mapping[str, str]) -> float | None:
        """The loss that was measured of a file; None if it has to be exported and measured."""
        entry = self._entries.get(file.name)
        if not isinstance(entry, dict) or entry.get("asked") != dict(asked):
            return None
        try:
            same = entry.get("sha256") == _digest(file)
        except OSError:
            return None
        found = entry.get("loss")
        return float(found) if same and isinstance(found, int | float) else None

    def note(self, file: Path, asked: Mapping[str, str], loss: float) -> None:
        """Keep a loss, on disk, at once.

        Raises:
            DagenError: the journal cannot be written.
        """
        self._entries[file.name] = {"asked": dict(asked), "sha256": _digest(file), "loss": loss}
        write_record(self._folder / FILE, self._entries)


def _digest(file: Path) -> str:
    """SHA-256 (hex) of a file, and of OpenVINO's second one."""
    found = hashlib.sha256(file.read_bytes())
    if file.suffix == ".xml":
        found.update(file.with_suffix(".bin").read_bytes())
    return found.hexdigest()
