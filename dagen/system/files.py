"""Files that survive a kill, a power cut and a full disk.

Whole files are written beside their final path and renamed to it, so a reader sees the old file or
the new one, never half of one. Logs grow by lines; a line counts once its newline is written, so
reader and writer both drop an incomplete last line.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from dagen.errors import DagenError
from dagen.system.drafts import open_draft

_TODO = {
    errno.ENOSPC: "free some space and run again",
    errno.EDQUOT: "free some of your quota and run again",
    errno.EACCES: "make the folder writable or choose another one",
    errno.EPERM: "make the folder writable or choose another one",
    errno.EROFS: "choose a folder that can be written to",
    errno.ENOENT: "make its folder first",
    errno.ENOTDIR: "choose a path whose parents are folders",
    errno.EISDIR: "a folder is in the way; move it or choose another path",
    errno.EEXIST: "a file is in the way; move it or choose another path",
}


def make_folder(path: Path) -> Path:
    """Make the folder ``path`` and its missing parents, and return it.

    Raises:
        DagenError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable("folder", path, error) from error
    return path


def empty_folder(path: Path, keep: str) -> None:
    """Remove everything in the folder ``path`` except the file called ``keep``.

    Raises:
        DagenError: something cannot be removed.
    """
    try:
        for inner in path.iterdir():
            if inner.name == keep:
                continue
            if inner.is_dir() and not inner.is_symlink():
                shutil.rmtree(inner)
            else:
                inner.unlink()
    except OSError as error:
        raise unwritable("folder", path, error) from error


def write_atomically(path: Path, content: bytes | Callable[[BinaryIO], object]) -> None:
    """Write ``content`` to ``path`` completely, or leave the old file as it is.

    Args:
        path: the file; its folder exists.
        content: the bytes, or a function that writes them to a given binary file (such as
            ``lambda file: image.save(file, "png")``).

    Raises:
        DagenError: it cannot be written; the message names path, reason and remedy. The old file
            stays, and no half-written one is left.
    """
    try:
        draft, file = open_draft(path)
    except OSError as error:
        raise unwritable("file", path, error) from error
    try:
        with file:
            if callable(content):
                content(file)
            else:
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.replace(draft, path)
        _sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            draft.unlink()
        cause = _system_error(error) if isinstance(error, Exception) else None
        # An error that names another file comes from the writer, such as a missing input.
        if cause is None or cause.filename not in (None, str(draft), draft, str(path.parent)):
            raise
        raise unwritable("file", path, cause) from error


def remove(path: Path) -> None:
    """Remove a file; it may be missing.

    Raises:
        DagenError: it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        todo = _TODO.get(error.errno or 0, "check the disk, then run again")
        raise DagenError(f"file {path} cannot be removed: {_reason(error)}; {todo}.") from error


def append_line(path: Path, line: str) -> None:
    """Add ``line`` and its newline to the end of ``path``; a missing file is made.

    A last line without newline, left by a killed process, is dropped first. When this returns, the
    line survives the process being killed, but not a power cut. One process writes at a time.

    Raises:
        ValueError: ``line`` contains a newline.
        DagenError: it cannot be written; the file keeps its whole lines.
    """
    if "\n" in line:
        raise ValueError("a line must not contain a newline")
    left = line.encode() + b"\n"
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            whole = _drop_torn_line(file)
            try:
                while left:
                    left = left[os.write(file, left) :]
            except OSError:
                os.ftruncate(file, whole)
                raise
        finally:
            os.close(file)
    except OSError as error:
        raise unwritable("file", path, error) from error


def read_lines(path: Path, start: int = 0) -> list[str]:
    """The complete lines of ``path`` from byte ``start`` on, without their newlines.

    Args:
        path: a file of UTF-8 lines.
        start: offset in bytes at which a line begins.

    Raises:
        DagenError: it cannot be read, or is not UTF-8 text.
    """
    try:
        with open(path, "rb") as file:
            file.seek(start)
            whole, newline, _ = file.read().rpartition(b"\n")
        return whole.decode().split("\n") if newline else []
    except OSError as error:
        raise DagenError(f"{path} cannot be read: {_reason(error)}.") from error
    except UnicodeDecodeError as error:
        raise DagenError(
            f"{path} is damaged at byte {start + error.start}: it is not UTF-8 text; "
            "restore it from a copy, or move it away to start a new one."
        ) from error


def _drop_torn_line(file: int) -> int:
    """Cut what follows the last newline; returns the size in bytes that remains."""
    size = os.lseek(file, 0, os.SEEK_END)
    end = size
    while end:
        start = max(0, end - 4096)
        os.lseek(file, start, os.SEEK_SET)
        newline = os.read(file, end - start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end < size:
        os.ftruncate(file, end)
    return end


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power cut, if the system can."""
    if os.name == "nt":  # folders cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems
            raise
    finally:
        os.close(descriptor)


def _system_error(error: BaseException) -> OSError | None:
    """The operating system's error behind ``error``, which writers such as ``torch.save`` wrap."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, OSError):
        seen = seen.__cause__ or seen.__context__
    return seen


def unwritable(what: str, path: Path, error: OSError) -> DagenError:
    """The error of a file or folder that cannot be written: path, reason and remedy in one line."""
    todo = _TODO.get(error.errno or 0, "check the disk, then run again")
    return DagenError(f"{what} {path} cannot be written: {_reason(error)}; {todo}.")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__).lower()
