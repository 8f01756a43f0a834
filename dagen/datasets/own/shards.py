"""Tar files of images and masks with a ``dagen.toml``: WebDataset shards.

A sample is ``KEY.jpg`` (or another image) and, where it is labelled, ``KEY.mask.png``. The samples
are in the order of the shards and of the files in each. Every shard is read once to index it;
after that each sample is read alone, so a run resumes at any of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from dagen.datasets.base import Image, Label, digest_of
from dagen.datasets.loading.cache import default_folder
from dagen.datasets.loading.order import Shards
from dagen.datasets.own import patterns
from dagen.datasets.own.declaration import FILE
from dagen.datasets.own.meanings import OwnMasks
from dagen.datasets.own.patterns import SPLIT
from dagen.datasets.reading.files import say_once
from dagen.datasets.reading.images import image_size, read_image
from dagen.datasets.reading.names import positions
from dagen.datasets.reading.packed import Packed
from dagen.datasets.reading.paths import inside
from dagen.datasets.shards import addresses
from dagen.datasets.shards.index import Kinds, Places, ShardIndex
from dagen.datasets.shards.store import Store
from dagen.errors import DataError, listed


class OwnShards(OwnMasks):
    """One split of shards."""

    @cached_property
    def _store(self) -> Store:
        return Store(default_folder())

    @cached_property
    def _kinds(self) -> Kinds:
        given = self._declared.model_fields_set
        image = self._declared.images.lower().lstrip(".") if "images" in given else None
        mask = self._declared.masks.lower().lstrip(".") if "masks" in given else Kinds.mask
        return Kinds(image, mask)

    @cached_property
    def _pattern(self) -> str | None:
        """The shards of this split, with braces; None if the split has none."""
        text = self._declared.shards or ""
        if SPLIT not in text:
            return text if self.split == "train" else None
        if addresses.is_address(text) and self.split == "test" and not self._declared.splits.test:
            return None  # nobody can see whether there is one, and few data sets have a test split
        return patterns.pattern(text, self._declared, self.split).text

    @cached_property
    def _places(self) -> list[Path | str]:
        """The file or the address of each shard."""
        source = str(self.root / FILE)
        if self._pattern is None:
            return []
        found = addresses.expanded(self._pattern, source)
        if addresses.is_address(self._pattern):
            return [*found]
        paths = [inside(self.root, shard, source) for shard in found]
        if not any(path.is_file() for path in paths):
            return []  # the split does not exist
        if lost := [name for name, path in zip(found, paths, strict=True) if not path.is_file()]:
            self._faults.append(
                f"{source} names shards that are missing ({listed(lost)}): restore them, or "
                "correct shards."
            )
        return [path for path in paths if path.is_file()]

    @cached_property
    def _shard_names(self) -> list[str]:
        if self._pattern is None or not addresses.is_address(self._pattern):
            return [Path(place).relative_to(self.root).as_posix() for place in self._places]
        return addresses.names(self._pattern, [str(place) for place in self._places])

    @cached_property
    def _indexes(self) -> list[ShardIndex]:
        bare = [p for p in self._places if not self._store.has_index(p, self._kinds)]
        if bare and isinstance(bare[0], str):
            say_once(
                f"{self.root}: {len(bare)} shard(s) are downloaded once to index them; the copies "
                "are kept in the cache as long as there is room."
            )
        found = []
        for place, name in zip(self._places, self._shard_names, strict=True):
            shown = str(self.root / name)
            try:
                one = self._store.index(place, self._kinds, shown)
            except DataError as error:
                if not self._checked:
                    raise
                self._faults.append(str(error))
                one = ShardIndex.empty()
            self._faults += [f"the shard {shown} {fault}." for fault in one.faults]
            found.append(one)
        return found

    def _listing(self) -> Iterable[str]:
        return [
            f"{shard}/{name}"
            for shard, index in zip(self._shard_names, self._indexes, strict=True)
            for name in index.names
        ]

    def _arranged(self, names: Iterable[str]) -> Sequence[str]:
        return [*names]  # a shard's index has no name twice, and no shard is named twice

    def _layout(self) -> str:
        shards = self._pattern or self._declared.shards
        return (
            f"{self.root / FILE} says that its shards are {shards}, "
            f"and images in them end with {self._kinds.image or '.jpg, .png or .webp'}."
        )

    @cached_property
    def _starts(self) -> Places:
        """The position of the first sample of each shard, and the number of all."""
        return np.cumsum([0, *map(len, self._indexes)])

    def _found(self, index: int) -> tuple[int, int]:
        """The shard of a sample, and its place there."""
        shard = int(np.searchsorted(self._starts, index, "right")) - 1
        return shard, index - int(self._starts[shard])

    @cached_property
    def shards(self) -> Shards:
        """See :attr:`Dataset.shards`."""
        counts = [len(index) for index in self._indexes]
        return Shards(np.repeat(np.arange(len(counts), dtype=np.int32), counts))

    def _packed(self, index: int, *, mask: bool = False) -> Packed:
        shard, place = self._found(index)
        found, name = self._indexes[shard], self._names[index]
        start, count = map(int, (found.masks if mask else found.images)[place])
        if mask:
            key, _, ending = name.rpartition("/")[2].partition(".")
            name = f"{name.removesuffix(ending)}{self._kinds.mask}"
            if start < 0:
                raise DataError(
                    f"the mask {self.root / name} is missing: add it, or leave the image "
                    f"{key}.{ending} out."
                )
        where = self._places[shard]
        return Packed(self.root / name, lambda: self._store.read(where, (start, count), found.size))

    def image(self, index: int) -> Image:
        """(H, W, 3) uint8 RGB, upright; see :meth:`Dataset.image`."""
        return read_image(self._packed(index))

    def size(self, index: int) -> tuple[int, int]:
        """(H, W) of the upright image."""
        return image_size(self._packed(index))

    def image_key(self, index: int) -> str:
        """The content of the shard's images, and the image's name."""
        shard, _ = self._found(index)
        return f"shard|{self._indexes[shard].image_digest}|{self._names[index]}"

    @property
    def has_labels(self) -> bool:
        """Whether any sample has a mask."""
        return any(bool((index.masks[:, 0] >= 0).any()) for index in self._indexes)

    @cached_property
    def labelled(self) -> Sequence[int]:
        """Positions of the samples that have a mask."""
        flags = (bool(start >= 0) for index in self._indexes for start in index.masks[:, 0])
        return positions(flags, len(self))

    def label_key(self, index: int) -> str:
        """The content of the shard's masks and the name; the meaning of ids and colours."""
        shard, _ = self._found(index)
        return self._key_of(f"shard|{self._indexes[shard].mask_digest}|{self._names[index]}")

    def label(self, index: int) -> Label:
        """(H, W) uint8 ids of the task; see :meth:`Dataset.label`."""
        return self._table[self._ids_of(self._packed(index, mask=True), self.size(index))]

    def signature(self, labels: bool) -> str:
        """Names and sizes of images, and of masks; see :meth:`Dataset.signature`."""
        labels = labels and self.has_labels
        lines = [f"labels: {labels}", self._meaning if labels else ""]
        for shard, index in zip(self._shard_names, self._indexes, strict=True):
            sizes = [index.images[:, 1], index.masks[:, 1]] if labels else [index.images[:, 1]]
            lines += [shard, *index.names, *(str(each.tolist()) for each in sizes)]
        return digest_of(lines)

    def label_digest(self) -> str:
        """See :meth:`Dataset.label_digest`."""
        return digest_of(index.mask_digest for index in self._indexes) if self.has_labels else ""

    def fingerprint(self) -> str:
        """SHA-256 (hex) over names and contents of the images; opens no shard again."""
        pairs = zip(self._shard_names, self._indexes, strict=True)
        return digest_of(f"{shard}\0{index.image_digest}" for shard, index in pairs)

    def audit(self) -> Iterator[tuple[str, str]]:
        """Nothing: what is wrong with shards was found when they were indexed."""
        return iter(())
