"""The size of the decode cache: what lies there, its limit, and what is evicted.

Besides images it holds indexes of shards, and copies of shards behind addresses. It may take
``$DAGEN_CACHE_LIMIT`` (such as ``50GB``; 20 GB by default). A process looks at the whole folder
when it has written its first entry, and again after every twentieth of the limit. If there is more
than the limit, the entries that were used least recently go until nine tenths of it are left; an
image is used when a process first reads it, a shard whenever it is read. Evicting is safe while
other processes read: a mapped file stays readable, and a missing one is made again.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dagen.errors import UsageError, quoted

logger = logging.getLogger("dagen")

VARIABLE = "DAGEN_CACHE_LIMIT"
"""The environment variable that holds the limit."""
DEFAULT = 20_000_000_000
"""The limit in bytes without it."""

_FOLDER = re.compile(r"[0-9a-f]{2}")
_ENTRY = re.compile(r"[0-9a-f]{64}\.(npy|npz|tar)")  # arrays; indexes and copies of shards
KEPT = 0.9
"""The share of the limit that stays when something has to go."""
_LOOK = 20
_STARTED = time.time()


class Entry(NamedTuple):
    """A file of the cache: when it was last used (seconds since 1970), its bytes and its path."""

    used: float
    bytes: int
    path: str


def entries(folder: Path) -> Iterator[Entry]:
    """Every entry of a cache's folder; other files, such as those of teachers, are none."""
    for part in _listed(folder):
        if not _FOLDER.fullmatch(part.name):
            continue
        for file in _listed(Path(part.path)):
            if _ENTRY.fullmatch(file.name):
                with suppress(OSError):  # another process may have removed it
                    found = file.stat(follow_symlinks=False)
                    yield Entry(found.st_mtime, found.st_size, file.path)


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:  # missing, or not a folder
        return []


def parse(text: str, what: str) -> int:
    """Bytes from a text such as ``20GB`` or ``500MiB``.

    Args:
        text: a number above 0 with a unit, or of bytes.
        what: name of the setting, for the message.

    Raises:
        UsageError: it is none.
    """
    from pydantic import ByteSize, TypeAdapter, ValidationError

    try:
        size = int(TypeAdapter(ByteSize).validate_python(text.strip()))
    except ValidationError:
        size = 0
    if size < 1:
        raise UsageError(f"{what} is {quoted(text)}; give a size such as 20GB or 500MB.")
    return size


def _needed(entry: Entry) -> bool:
    """Whether an evicted entry is an image of this run; shards are meant to come and go."""
    return entry.used >= _STARTED and entry.path.endswith(".npy")


def limit() -> int:
    """Bytes that the cache may take.

    Raises:
        UsageError: the environment variable holds no size.
    """
    given = os.environ.get(VARIABLE)
    return parse(given, VARIABLE) if given else DEFAULT


def shrink(folder: Path, most: int) -> list[Entry]:
    """Evict the entries that were used least recently, until at most ``most`` bytes are left.

    Args:
        folder: the cache's folder.
        most: bytes that may stay; 0 removes every entry.

    Returns:
        What was evicted. Files that cannot be removed stay, and are not among them.
    """
    found = sorted(entries(folder))
    total = sum(entry.bytes for entry in found)
    gone = []
    for entry in found:
        if total <= most:
            break
        try:
            os.unlink(entry.path)
        except OSError:
            continue
        total -= entry.bytes
        gone.append(entry)
    return gone


@dataclass
class Eviction:
    """Keeps a cache within its limit while one process writes.

    Attributes:
        folder: the cache's folder.
        limit: bytes that it may take.
    """

    folder: Path
    limit: int
    _written: int | None = None  # since the last look; None before the first
    _warned: bool = False

    def wrote(self, count: int) -> None:
        """``count`` bytes more were written."""
        if self._written is not None:
            self._written += count
            if self._written < self.limit / _LOOK:
                return
        self._written = 0
        if sum(entry.bytes for entry in entries(self.folder)) <= self.limit:
            return
        gone = shrink(self.folder, int(KEPT * self.limit))
        if not self._warned and any(map(_needed, gone)):
            self._warned = True
            logger.warning(
                "the cache %s is too small for this run's images: it may take %s bytes, so images "
                "are decoded again and again. Set %s to more, such as 100GB.",
                self.folder,
                f"{self.limit:,}",
                VARIABLE,
            )
