"""The files of a run as bytes, for machines that share no folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dagen.runs.results import FILE
from dagen.system.files import make_folder, write_atomically

Files = Mapping[str, bytes]
"""Contents by path below the run's folder."""

_LEFT = ("state-*.pt", "*.lock", ".*")  # of use to the machine that wrote them only


def pack(folder: Path) -> dict[str, bytes]:
    """The files of a run; none if there is no such folder. States and locks are left out."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(path.match(pattern) for pattern in _LEFT)
    }


def unpack(files: Files, folder: Path) -> None:
    """Write packed files into a folder, which is made; the result comes last and marks the end.

    Raises:
        DagenError: a file cannot be written.
    """
    for name in sorted(files, key=lambda name: name == FILE):
        make_folder((folder / name).parent)
        write_atomically(folder / name, files[name])
