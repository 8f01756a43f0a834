"""Shards behind addresses: each is downloaded when it is needed, and kept as long as there is room.

Downloaded shards and indexes are entries of the cache (:mod:`~dagen.datasets.loading.cache`): they
count towards its limit, and what was used least recently is evicted. A shard at an address is taken
never to change; one whose size has changed is an error.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO

from dagen.datasets.loading import cache_eviction
from dagen.datasets.loading.cache import VARIABLE
from dagen.datasets.reading.files import say_once
from dagen.datasets.shards import index as indexes
from dagen.datasets.shards.addresses import missing
from dagen.datasets.shards.index import Kinds, ShardIndex
from dagen.errors import DagenError, DataError, short
from dagen.system.files import make_folder, remove, write_atomically
from dagen.system.locks import exclusive

_WHY = {
    6: "the host is not known",
    7: "nobody answers there",
    18: "it broke off",
    22: "the server refused it",
    28: "the server is too slow",
    35: "no secure connection",
    60: "the server's certificate is not valid",
}
"""What curl's exit codes mean."""


class Store:
    """Copies of shards, and indexes of shards."""

    def __init__(self, folder: Path) -> None:
        """Nothing is made yet.

        Args:
            folder: the folder of the cache.
        """
        self.folder = folder
        self._eviction = cache_eviction.Eviction(folder, cache_eviction.limit())

    def index(self, shard: Path | str, kinds: Kinds, shown: str) -> ShardIndex:
        """The index of a shard, from the cache if it is there.

        Args:
            shard: a file, or an address.
            kinds: which files are images and masks.
            shown: the shard's name for errors.

        Raises:
            DataError: the shard is missing, damaged or truncated.
        """
        stored = self._index_file(shard, kinds)
        found = indexes.load(stored)
        if found is not None:
            _touch(stored)
            return found
        with _in_one_line(shown, "correct shards in dagen.toml"):
            try:
                with self.opened(shard) as file:
                    found = indexes.make(file, kinds, shown)
            except DataError:
                if isinstance(shard, str):  # the next attempt downloads it again
                    remove(self._entry(shard, "tar"))
                raise
        try:
            make_folder(stored.parent)
            write_atomically(stored, found.write)
        except DagenError:
            say_once(
                f"shards are indexed every time, because nothing can be written to the cache "
                f"{self.folder}; {VARIABLE} names another folder."
            )
        return found

    def has_index(self, shard: Path | str, kinds: Kinds) -> bool:
        """Whether the index of a shard is there."""
        return self._index_file(shard, kinds).is_file()

    def read(self, shard: Path | str, place: tuple[int, int], size: int) -> bytes:
        """A part of a shard.

        Args:
            shard: a file, or an address.
            place: its first byte, and the number of bytes.
            size: bytes of the whole shard when its index was made.

        Raises:
            DataError: the shard is missing, or has changed.
        """
        start, count = place
        with _in_one_line(shard, "get the data again"), self.opened(shard, size) as file:
            file.seek(start)
            content = file.read(count)
        if len(content) < count:
            raise DataError(f"the shard {shard} was cut since its index was made: run again.")
        return content

    def opened(self, shard: Path | str, size: int | None = None) -> BinaryIO:
        """A shard, open for reading; of one behind an address the copy on this disk.

        It stays readable if another process evicts it meanwhile. Only one process downloads it.

        Args:
            shard: a file, or an address.
            size: bytes that a copy must have; None before it was indexed.

        Raises:
            OSError: a file cannot be opened.
            DataError: a shard cannot be downloaded, has another size, or is too large for the
                cache.
            DagenError: the cache does not work.
        """
        if isinstance(shard, Path):
            return shard.open("rb")
        path = self._entry(shard, "tar")
        try:
            file: BinaryIO = path.open("rb")
        except OSError:  # missing, or the cache's folder is none
            file = self._downloaded(shard, path)
        _touch(path)
        if size is not None and os.fstat(file.fileno()).st_size != size:
            file.close()
            raise DataError(
                f"the shard {shard} has another size than when its index was made: give "
                "changed shards new names, or clear the cache (dagen data cache --clear)."
            )
        return file

    def _downloaded(self, address: str, path: Path) -> BinaryIO:
        try:
            make_folder(path.parent)
            with exclusive(path.parent / ".shards.lock", f"the shard {address}", tell_after=60):
                while True:
                    with suppress(FileNotFoundError):
                        file = path.open("rb")  # before anything is evicted
                        break
                    write_atomically(path, lambda file: _download(address, file))
        except DataError:
            raise
        except DagenError as error:
            raise DagenError(
                f"copies of shards need a cache: {error} {VARIABLE} names another folder."
            ) from error
        count = os.fstat(file.fileno()).st_size
        if count > cache_eviction.KEPT * self._eviction.limit:
            file.close()
            remove(path)
            raise DataError(
                f"the shard {address} has {count:,} bytes, and the cache may take "
                f"{self._eviction.limit:,}, which is too little to keep it: set "
                f"{cache_eviction.VARIABLE} to more, best to eight times the size of a shard."
            )
        self._eviction.wrote(count)
        return file

    def _index_file(self, shard: Path | str, kinds: Kinds) -> Path:
        what = shard
        if isinstance(shard, Path):
            with suppress(OSError):  # a missing file is told by who reads it
                status = shard.stat()
                what = f"{shard.resolve()}|{status.st_size}|{status.st_mtime_ns}"
        return self._entry(f"{indexes.VERSION}|{kinds}|{what}", "npz")

    def _entry(self, key: str, suffix: str) -> Path:
        name = hashlib.sha256(f"shard|{key}".encode(errors="surrogateescape")).hexdigest()
        return self.folder / name[:2] / f"{name}.{suffix}"


@contextmanager
def _in_one_line(shard: Path | str, otherwise: str) -> Iterator[None]:
    """Errors of a shard's file as one line each; ``otherwise`` is the other way to mend a loss."""
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"the shard {shard} is missing: restore it, or {otherwise}.") from None
    except OSError as error:
        raise DataError(f"the shard {shard} cannot be read: {error.strerror}.") from None


def _touch(path: Path) -> None:
    """Make an entry of the cache the last to be evicted."""
    with suppress(OSError):
        os.utime(path)


def _download(address: str, file: BinaryIO) -> None:
    if told := _failure(address, file):
        raise DataError(
            f"the shard {address} cannot be read: {told}; correct shards in dagen.toml, or run "
            "again later."
        )


def _failure(address: str, file: BinaryIO) -> str:
    """Copy a shard into ``file``; returns what went wrong, or nothing."""
    stream: Any = None
    with tempfile.TemporaryFile() as said:
        try:
            stream = _opened(address, said)
            with stream:
                shutil.copyfileobj(stream, file, 1 << 20)
        except FileNotFoundError as error:
            return f"the program {error.filename}, which downloads it, is not installed"
        except OSError as error:
            if error.errno is not None:  # of the disk
                raise
            said.seek(0)
            code = getattr(stream, "status", None)
            words = short(said.read().decode(errors="replace").strip())
            return words or _WHY.get(code or 0, f"the program that reads it ended with {code}")
    return ""


def _opened(address: str, said: IO[bytes]) -> Any:
    """The stream of a shard, as WebDataset opens addresses.

    Args:
        address: where the shard is.
        said: takes the words of the program that reads S3.
    """
    try:
        from webdataset.gopen import Pipe, gopen, gopen_schemes
    except ImportError:
        raise missing() from None
    if address.startswith("s3:") and "s3" not in gopen_schemes:
        # WebDataset has no reader of its own for S3; its documentation names this program.
        program = ["aws", "s3", "cp", "--only-show-errors", address, "-"]
        return Pipe(program, mode="rb", stderr=said)
    return gopen(address, "rb")
