"""Paths of a data set: nothing outside its folder is ever opened."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from dagen.errors import DataError, quoted

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
"""Suffixes of image files, in lower case."""

UNREAD = frozenset(
    {".heic", ".heif", ".avif", ".jp2", ".jxl", ".gif", ".psd", ".dng", ".cr2", ".cr3", ".nef"}
    | {".arw", ".orf", ".raf", ".rw2"}
)
"""Suffixes of pictures that are not read, in lower case; they are named, not passed over."""


def portable(name: str) -> str:
    """A path as another file names it, with ``/`` between its parts, and without ``.`` and ``//``.

    Windows writes backslashes; ``a/./b`` and ``a//b`` are one file.
    """
    return PurePosixPath(name.replace("\\", "/")).as_posix() if name else name


def canonical(name: str) -> str:
    """One spelling for all spellings of a file's name that mean the same file to people.

    macOS may store an accent apart from its letter, and the suffix may be ``.JPG`` or ``.jpg``.
    """
    path = PurePosixPath(unicodedata.normalize("NFC", name))
    return path.with_suffix(path.suffix.lower()).as_posix()


def canonical_stem(name: str) -> str:
    """:func:`canonical` without the suffix: an image and its mask share it."""
    return PurePosixPath(unicodedata.normalize("NFC", name)).with_suffix("").as_posix()


def folded(name: str) -> str:
    """One spelling of a name, whether accents are apart from their letters, and in any case."""
    return unicodedata.normalize("NFC", name).casefold()


def lexically_inside(name: str) -> bool:
    """Whether a relative path with ``/`` stays below its root, judged by its spelling."""
    path = PurePosixPath(name)
    return not (
        not path.parts
        or path.is_absolute()
        or ".." in path.parts
        or "\\" in name  # a separator on some systems: a name must mean the same file everywhere
        or "\0" in name
        or (len(name) > 1 and name[1] == ":")
        or not _encodable(name)
    )


def _encodable(name: str) -> bool:
    """Whether a file can have the name; half a surrogate pair is no character."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return True


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
            f"{source} names the file {quoted(name)}, which is not a relative path below {root}; "
            "nothing outside the data set's folder is read: correct the path."
        )
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise DataError(
            f"{source} names the file {quoted(name)}, which a symbolic link leads out of {root}; "
            "nothing outside the data set's folder is read: put the file itself there."
        )
    return path


def spelling_fault(names: Iterable[str]) -> str | None:
    """What is wrong with the file that lists ``names``, if the spelling of some leaves its folder.

    Returns:
        The end of a sentence that begins with the file's name; None if nothing is wrong.
    """
    outside = [name for name in names if not lexically_inside(name)]
    if not outside:
        return None
    return (
        f"names {len(outside)} file(s) that are not relative paths below the data set's folder "
        f"({', '.join(map(quoted, outside[:5]))}), and nothing outside is read"
    )


def list_images(folder: Path) -> list[str]:
    """Sorted names of the image files below ``folder``, with ``/``; [] if it is missing.

    Files in sub-folders count, hidden files and folders do not.

    Raises:
        DataError: the system refuses to read a folder.
    """
    return sorted(name for name in _files(folder) if PurePosixPath(name).suffix.lower() in SUFFIXES)


def list_unread(folder: Path) -> list[str]:
    """Sorted names of the pictures below ``folder`` whose format is not read, such as HEIC."""
    return sorted(name for name in _files(folder) if PurePosixPath(name).suffix.lower() in UNREAD)


def _files(folder: Path) -> Iterator[str]:
    """Names of the files below ``folder``, without hidden ones; links to folders are followed.

    Raises:
        DataError: the system refuses to read a folder: its files would be missing without a word.
    """
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, onerror=_refused, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a link that leads back to a folder above it
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        inner = Path(place).relative_to(folder)
        for name in files:
            if not name.startswith(".") and _is_file(Path(place) / name):
                yield (inner / name).as_posix()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        _refused(error)
        return False


def _refused(error: OSError) -> None:
    if isinstance(error, FileNotFoundError | NotADirectoryError):  # no folder has no files
        return
    raise DataError(
        f"{error.filename} cannot be read: {str(error.strerror).lower()}; make it readable, or "
        "move it away."
    ) from error


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
