"""Paths of a data set: nothing outside its folder is ever opened."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from dagen.errors import DataError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
"""Suffixes of image files, in lower case."""


def lexically_inside(name: str) -> bool:
    """Whether a relative path with ``/`` stays below its root, judged by its spelling."""
    path = PurePosixPath(name)
    return not (
        not name
        or path.is_absolute()
        or ".." in path.parts
        or "\\" in name  # a separator on some systems: a name must mean the same file everywhere
        or "\0" in name
        or (len(name) > 1 and name[1] == ":")
    )


def inside(root: Path, name: str, source: str) -> Path:
    """The file behind a path that another file names.

    Args:
        root: folder that the path must not leave, by spelling or by a symbolic link.
        name: the path as written, relative to ``root``, with ``/``.
        source: the file that names it, for the error.

    Raises:
        DataError: the path is absolute or leaves ``root``.
    """
    if not lexically_inside(name):
        raise DataError(
            f"{source} names the file '{name}', which is not a relative path below {root}; "
            "nothing outside the data set's folder is read: correct the path."
        )
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise DataError(
            f"{source} names the file '{name}', which a symbolic link leads out of {root}; "
            "nothing outside the data set's folder is read: put the file itself there."
        )
    return path


def check_spelling(names: Iterable[str], source: str) -> None:
    """Refuse paths whose spelling leaves their folder, all in one error.

    Raises:
        DataError: ``names``, which ``source`` lists, contains such paths.
    """
    if outside := [name for name in names if not lexically_inside(name)]:
        raise DataError(
            f"{source} names {len(outside)} file(s) that are not relative paths below the data "
            f"set's folder ({', '.join(map(repr, outside[:5]))}): nothing outside is read; correct "
            "them."
        )


def list_images(folder: Path) -> list[str]:
    """Sorted names of the image files in ``folder`` without hidden ones; [] if it is missing."""
    if not folder.is_dir():
        return []
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def stamp(path: Path) -> str:
    """Path, size and modification time (ns): changes when the file's content does.

    Raises:
        DataError: there is no such file.
    """
    try:
        status = path.stat()
    except OSError:
        raise DataError(f"{path} is missing: restore it or get the data again.") from None
    return f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"
