"""Your own images and index masks, in two folders.

Layout below the data set's folder::

    images/SPLIT/NAME.jpg   (or .png, .bmp, .tif, .webp)
    masks/SPLIT/NAME.png

SPLIT is train, val or test; only ``images`` is needed to train on it as a target. A mask has one
8-bit channel holding the class ids *of the task that is run*: 0 and 1 under ``binary``, 0 to 4
under ``material``; 255 is ignored. Any other id is an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import ClassVar

from dagen.datasets.base import Label
from dagen.datasets.reading.files import Files
from dagen.datasets.reading.images import read_mask
from dagen.datasets.reading.paths import list_images, stamp
from dagen.errors import DataError


class Folder(Files):
    """One split of a folder of images and masks."""

    splits: ClassVar[tuple[str, ...]] = ("train", "val", "test")
    how_to_get = "put images/<split>/ and masks/<split>/ into its folder"

    def _listing(self) -> Iterable[str]:
        names = list_images(self.root / "images" / self.split)
        stems = Counter(PurePosixPath(name).stem for name in names)
        if twice := sorted(stem for stem, count in stems.items() if count > 1):
            raise DataError(
                f"{self.root / 'images' / self.split} holds images that would share one mask "
                f"({', '.join(twice[:5])} with two endings): rename one of each."
            )
        return [f"images/{self.split}/{name}" for name in names]

    def _layout(self) -> str:
        return (
            f"images belong in {self.root / 'images' / self.split}, "
            f"masks in {self.root / 'masks' / self.split}."
        )

    @property
    def has_labels(self) -> bool:
        """Whether the split's folder of masks exists."""
        return (self.root / "masks" / self.split).is_dir()

    def _mask(self, index: int) -> Path:
        stem = PurePosixPath(self._names[index]).stem
        return self.root / "masks" / self.split / f"{stem}.png"

    def label_key(self, index: int) -> str:
        """Path, size and modification time of the mask."""
        return stamp(self._mask(index))

    def label(self, index: int) -> Label:
        """(H, W) uint8 ids of the task; see :meth:`Dataset.label`."""
        return read_mask(self._mask(index), range(self.task.num_classes), self.size(index))
