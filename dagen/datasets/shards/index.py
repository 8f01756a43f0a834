"""What lies where in one shard.

A shard is a tar file. The files of a sample have one key, their name up to its first dot, and lie
one after the other (the WebDataset convention). The index of a shard holds its samples in the order
of the file, so that each can be read alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from dagen.datasets.reading.names import Names
from dagen.datasets.reading.paths import SUFFIXES
from dagen.datasets.shards.addresses import missing
from dagen.errors import DataError, listed, short

VERSION = 1
"""Changes when indexes are made in another way."""

_BLOCK = 512
_NONE = -1
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Kinds:
    """Which files of a sample are its image and its mask, by what follows its key, in lower case.

    Attributes:
        image: such as ``jpg``; None for every suffix of an image file.
        mask: such as ``mask.png``.
    """

    image: str | None = None
    mask: str = "mask.png"

    def is_image(self, ending: str) -> bool:
        """Whether a file with this ending is an image."""
        if self.image is not None:
            return ending == self.image
        return f".{ending}" in SUFFIXES and not self.is_mask(ending)

    def is_mask(self, ending: str) -> bool:
        """Whether a file with this ending is a mask."""
        return ending == self.mask


@dataclass(frozen=True)
class ShardIndex:
    """The samples of one shard that have an image, in the order of the file.

    Attributes:
        names: path of each image in the shard.
        images: (N, 2) int64, first byte and number of bytes of each image.
        masks: the same of each mask; -1 where there is none.
        size: bytes of the shard.
        image_digest: SHA-256 (hex) over names and contents of the images.
        mask_digest: the same over the masks.
        faults: what is wrong with samples, a sentence each without its subject, the shard.
    """

    names: Names
    images: Places
    masks: Places
    size: int
    image_digest: str
    mask_digest: str
    faults: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def empty(cls) -> ShardIndex:
        """The index of a shard that cannot be read."""
        return cls(Names(()), _places([]), _places([]), 0, "", "")

    def write(self, file: BinaryIO) -> None:
        """Write it in NumPy's format of several arrays."""
        told = json.dumps([self.size, self.image_digest, self.mask_digest, self.faults])
        np.savez(
            file,
            text=np.frombuffer(self.names.text, np.uint8),
            ends=self.names.ends,
            images=self.images,
            masks=self.masks,
            told=np.array(told),
        )


def load(path: Path) -> ShardIndex | None:
    """A written index; None if it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as found:
            names = Names.of(found["text"].tobytes(), found["ends"])
            size, image_digest, mask_digest, faults = json.loads(str(found["told"]))
            return ShardIndex(
                names,
                found["images"],
                found["masks"],
                size,
                image_digest,
                mask_digest,
                tuple(faults),
            )
    # RuntimeError: bytes that say that the file is encrypted, or packed in an unknown way.
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zlib.error, BadZipFile):
        return None


def make(file: BinaryIO, kinds: Kinds, shown: str) -> ShardIndex:
    """Read a shard from its beginning to its end.

    Args:
        file: the shard, open for reading.
        kinds: which files are images and masks.
        shown: the shard's name or address, for errors.

    Raises:
        DataError: it is no tar file, compressed, damaged or truncated.
        UsageError: the package webdataset is not installed.
    """
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            found = _Found(kinds, _key_rule())
            for member in tar:
                content = tar.extractfile(member) if member.isreg() else None
                if content is not None:
                    found.add(member.name, member.offset_data, content.read())
            end = tar.offset
    except (OSError, tarfile.TarError, ValueError, EOFError) as error:
        raise DataError(
            f"the shard {shown} is damaged or truncated, or no tar file without compression "
            f"({short(str(error))}): make it again."
        ) from None
    file.seek(end)
    if file.read(_BLOCK) != bytes(_BLOCK):  # each tar file ends with empty blocks
        raise DataError(
            f"the shard {shown} is damaged or truncated after {end:,} bytes: make it again."
        )
    return found.index(os.fstat(file.fileno()).st_size)


class _Found:
    """The samples of a shard while it is read."""

    def __init__(self, kinds: Kinds, split: Callable[[str], tuple[str | None, str | None]]) -> None:
        self.kinds, self.split = kinds, split
        self.images: dict[str, tuple[str, int, int]] = {}
        self.masks: dict[str, tuple[int, int]] = {}
        self.twice: dict[str, None] = {}
        self.image_sum, self.mask_sum = hashlib.sha256(), hashlib.sha256()

    def add(self, member: str, start: int, content: bytes) -> None:
        name = member.removeprefix("./")
        key, ending = self.split(name)
        if key is None or ending is None:
            return
        place = start, len(content)
        digest = hashlib.sha256(content).hexdigest()
        if self.kinds.is_mask(ending.lower()):
            if key in self.masks:
                self.twice[key] = None
                return
            self.masks[key] = place
            self.mask_sum.update(f"{key}\0{digest}\n".encode(errors="surrogatepass"))
        elif self.kinds.is_image(ending.lower()):
            if key in self.images:
                self.twice[key] = None
                return
            self.images[key] = name, *place
            self.image_sum.update(f"{name}\0{digest}\n".encode(errors="surrogatepass"))

    def index(self, size: int) -> ShardIndex:
        none = _NONE, _NONE
        faults = []
        if self.twice:
            faults.append(f"has two samples of one key ({listed(self.twice)}): keep one of each")
        if bare := [key for key in self.masks if key not in self.images]:
            faults.append(f"has masks without an image ({listed(bare)}): add the images")
        return ShardIndex(
            Names(name for name, *_ in self.images.values()),
            _places([(start, count) for _, start, count in self.images.values()]),
            _places([self.masks.get(key, none) for key in self.images]),
            size,
            self.image_sum.hexdigest(),
            self.mask_sum.hexdigest(),
            tuple(faults),
        )


def _places(pairs: list[tuple[int, int]]) -> Places:
    return np.array(pairs, np.int64).reshape(-1, 2)


def _key_rule() -> Callable[[str], tuple[str | None, str | None]]:
    """WebDataset's own rule that splits a name into key and ending."""
    try:
        from webdataset.tariterators import base_plus_ext
    except ImportError:
        raise missing() from None
    rule: Any = base_plus_ext
    return rule  # type: ignore[no-any-return]
