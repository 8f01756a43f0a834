"""Decoded images at training resolution, in memory-mapped files.

Photographs of 12 megapixels take a tenth of a second to decode; a training loop reads each of
them many times at a small fraction of that size. The cache decodes each once, shrinks it as far as
the training resolution allows, and keeps one file per image::

    FOLDER/ab/abcdef....npy     a NumPy array file, and the CRC-32 of all before in its last 4 bytes

The file's name is the SHA-256 of everything that the array depends on: path, size and time of the
image file, the resolution, and whether it is the image, its label under a task or a kind of map. An
entry is therefore never wrong, only unused. What was used least recently is evicted at a limit
(:mod:`~dagen.datasets.loading.cache_eviction`), and the folder may be deleted at any time
(``dagen data cache``). Files are written
under a temporary name, synced and renamed, so that several processes may share a folder without
waiting for each other; at worst two make the same file. What a killed process leaves
(``.*.tmp``) is removed by the next process that opens the cache. A file is checked when a
process first opens it, and made again if it is damaged. If nothing can be written, one warning is
logged and the data set works without a cache.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from dagen.datasets.base import Dataset, Image, Label
from dagen.datasets.loading import cache_eviction
from dagen.datasets.loading.numbers import Numbers
from dagen.datasets.loading.order import Shards
from dagen.datasets.loading.wrappers import Wrapper
from dagen.datasets.maps.base import Array, Map, fitted
from dagen.errors import DagenError
from dagen.system.drafts import sweep
from dagen.system.files import make_folder, write_atomically
from dagen.types import Pixels

logger = logging.getLogger("dagen")

VARIABLE = "DAGEN_CACHE"
"""The environment variable that names the cache's folder."""

_VERSION = 2  # part of each key: increase it when entries are made in another way
_CHECKSUM = 4  # bytes
_DIGITS = 16  # of an entry's name, by which a process knows it again
_T = TypeVar("_T", bound=np.generic)


def default_folder() -> Path:
    """``$DAGEN_CACHE``, or ``~/.cache/dagen``."""
    return Path(os.environ.get(VARIABLE) or "~/.cache/dagen").expanduser()


def compiled_folder() -> Path:
    """The folder of compiled networks; the decode cache's limit does not count it."""
    return default_folder() / "compiled"


@lru_cache
def _clean_once(folder: Path) -> None:
    """Remove what killed processes have left; loader processes, which are forks, do not repeat it.

    Processes that still write are left alone.
    """
    for part in sorted(folder.glob("[0-9a-f][0-9a-f]")):
        sweep(part)


class DecodeCache:
    """Arrays on disk by key; each is made at most once.

    Attributes:
        folder: folder of the files.
        writable: whether files could be written so far.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Open a cache; nothing is created yet.

        Args:
            folder: folder of the files; None is :func:`default_folder`.
        """
        self.folder = folder or default_folder()
        self.writable = True
        self._sound = Numbers()
        self._eviction = cache_eviction.Eviction(self.folder, cache_eviction.limit())
        _clean_once(self.folder)

    def get(self, key: str, make: Callable[[], NDArray[_T]]) -> NDArray[_T]:
        """The array of ``key``, read from its file, or made and stored.

        Args:
            key: everything that the array depends on, its type included.
            make: makes the array, of any shape and type of numbers; its errors are not caught.

        Returns:
            A read-only array, mapped from its file if there is one.
        """
        name = hashlib.sha256(f"{_VERSION}|{key}".encode()).hexdigest()
        path = self.folder / name[:2] / f"{name}.npy"
        array = self._read(path)
        if array is None:
            made = make().view()  # the maker's own array stays writable
            made.flags.writeable = False
            array = self._write(path, made)
        return array

    def _read(self, path: Path) -> NDArray[Any] | None:
        """The stored array; None if it is missing or damaged."""
        try:
            number = int(path.name[:_DIGITS], 16)
            if number not in self._sound:
                content = path.read_bytes()
                checksum = int.from_bytes(content[-_CHECKSUM:], "little")
                if checksum != zlib.crc32(content[:-_CHECKSUM]):
                    return None
                with suppress(OSError):  # a folder that can only be read
                    os.utime(path)  # it is in use, and the last to be evicted
            array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        self._sound.add(number)
        return np.asarray(array)

    def _write(self, path: Path, array: NDArray[_T]) -> NDArray[_T]:
        """Store ``array``; returns the mapped array, or ``array`` itself if that fails."""
        if not self.writable:
            return array
        content = io.BytesIO()
        np.save(content, array, allow_pickle=False)
        content.write(zlib.crc32(content.getbuffer()).to_bytes(_CHECKSUM, "little"))
        try:
            make_folder(path.parent)
            write_atomically(path, content.getvalue())
        except DagenError as error:
            self.writable = False
            logger.warning(
                "images are decoded every time, because the cache does not work: %s %s names "
                "another folder.",
                error,
                VARIABLE,
            )
            return array
        stored = self._read(path)  # before it may be evicted
        self._eviction.wrote(content.tell())
        return array if stored is None else stored


def cover(size: tuple[int, int], limit: tuple[int, int]) -> tuple[int, int]:
    """The smallest size of the same aspect whose sides are at least those of ``limit``.

    Args:
        size: (H, W) in pixels.
        limit: (H, W) in pixels.

    Returns:
        (H, W); ``size`` itself if a side is smaller than that of ``limit``, since nothing is ever
        enlarged.
    """
    (height, width), (low, narrow) = size, limit
    scale = max(low / height, narrow / width)
    if scale >= 1:
        return size
    return max(low, round(height * scale)), max(narrow, round(width * scale))


class CachedDataset(Wrapper):
    """A data set with shrunk images and labels, read from a cache.

    Reading an image never opens a label. A label is stored when it is first read, if the data set
    can tell whether it has changed (``label_key``).
    """

    def __init__(self, dataset: Dataset, limit: tuple[int, int], cache: DecodeCache) -> None:
        """Wrap ``dataset``.

        Args:
            dataset: data set to read from.
            limit: (H, W) in pixels that the images still cover; see :func:`cover`.
            cache: cache to keep them in.
        """
        super().__init__(dataset)
        self.dataset = dataset
        self.limit = limit
        self.about_ignored = dataset.about_ignored
        self.cache = cache
        self._maps: dict[str, Array] = {}

    def __len__(self) -> int:
        return len(self.dataset)

    def behind(self, index: int) -> tuple[Dataset, int]:
        """The image of the wrapped data set."""
        return self.dataset, index

    def image(self, index: int) -> Image:
        """(h, w, 3) uint8 RGB, averaged down (``cv2.INTER_AREA``); read-only."""
        key = f"image|{self.limit}|{self.dataset.image_key(index)}"
        return self.cache.get(key, lambda: self._shrink(self.dataset.image(index), cv2.INTER_AREA))

    def label(self, index: int) -> Label:
        """(h, w) uint8 ids of the same size, each the nearest pixel's; read-only."""

        def make() -> Label:
            # INTER_NEAREST_EXACT keeps pixel centres in place; INTER_NEAREST shifts them by half a
            # pixel.
            return self._shrink(self.dataset.label(index), cv2.INTER_NEAREST_EXACT)

        key = self.dataset.label_key(index)
        return (
            make()
            if key is None
            else self.cache.get(f"label|{self.limit}|{self.dataset.task.key}|{key}", make)
        )

    def map_of(self, index: int, kind: Map) -> Array:
        """The map of :meth:`image`'s result, in the kind's own type; read-only."""
        key, name = self.dataset.image_key(index), self.name(index)
        if not kind.whole:
            shrunk = f"map|{kind.digest}|{self.limit}|{key}"
            return self.cache.get(shrunk, lambda: kind.checked(self.image(index), name))
        whole = f"map|{kind.digest}|{key}"
        made = self._maps.get(whole)
        if made is None:
            made = self.cache.get(whole, lambda: kind.checked(self.dataset.image(index), name))
            if not self.cache.writable:  # a teacher would run again for every sample
                self._maps[whole] = made
        return fitted(made, self.image(index).shape)

    def _shrink(self, array: Pixels, how: int) -> Pixels:
        # JPEGs are decoded whole for this. libjpeg's own half or quarter leaves out frequencies
        # that an area average keeps in part; on pictures with fine detail that is more than a grey
        # level on average at usual training sizes.
        height, width = cover((array.shape[0], array.shape[1]), self.limit)
        if (height, width) == array.shape[:2]:
            return array
        return np.asarray(cv2.resize(array, (width, height), interpolation=how), dtype=np.uint8)

    def met(self) -> Mapping[str, str]:
        """The data set's own names."""
        return self.dataset.met()

    @property
    def has_labels(self) -> bool:
        """Whether labels can be read."""
        return self.dataset.has_labels

    @property
    def labelled(self) -> Sequence[int]:
        """The data set's labelled images."""
        return self.dataset.labelled

    @property
    def shards(self) -> Shards | None:
        """The data set's shards."""
        return self.dataset.shards

    def fingerprint(self) -> str:
        """The data set's fingerprint."""
        return self.dataset.fingerprint()


def cached(dataset: Dataset, limit: tuple[int, int], folder: Path | None = None) -> CachedDataset:
    """``dataset`` with its images cached decoded, at a size that still covers ``limit``.

    Args:
        dataset: any data set.
        limit: (H, W) in pixels: the training resolution times the largest zoom.
        folder: folder of the files; None is :func:`default_folder`.
    """
    return CachedDataset(dataset, limit, DecodeCache(folder))
