"""Your own images and index masks, in two folders.

Layout below the data set's folder::

    images/SPLIT/NAME.jpg   (or .png, .bmp, .tif, .webp)
    masks/SPLIT/NAME.png    (or .bmp, .tif)

SPLIT is train, val or test; only ``images`` is needed to train on it as a target. NAME may have
sub-folders, the same below ``images`` and ``masks``, and suffixes may be in capitals. A mask has
one channel holding the class ids *of the task that is run*: 0 and 1 under ``binary``, 0 to 4 under
``material``; 255 is ignored. Any other id is an error, and so is a JPEG mask.

With a ``dagen.toml`` in the folder, that file says what is where and what the ids mean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from dagen.datasets.base import Label
from dagen.datasets.reading.files import Files
from dagen.datasets.reading.masks import MaskFolder, read_mask
from dagen.datasets.reading.names import positions
from dagen.datasets.reading.paths import canonical_stem, list_images, stamp


class Folder(Files):
    """One split of a folder of images and masks."""

    splits: ClassVar[tuple[str, ...]] = ("train", "val", "test")
    takes_declaration = True
    how_to_get = "put images/<split>/ and masks/<split>/ into its folder"
    about_ignored = (
        "If 255 marks a class in your masks, declare it in dagen.toml: "
        'ids = { "0" = "background", "255" = "waste" }.'
    )

    def _listing(self) -> Iterable[str]:
        names = list_images(self.root / "images" / self.split)
        stems = Counter(canonical_stem(name) for name in names)
        if twice := sorted(stem for stem, count in stems.items() if count > 1):
            self._faults.append(
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

    @cached_property
    def labelled(self) -> Sequence[int]:
        """Positions of the images whose mask exists."""
        return positions(map(self._has_mask, range(len(self))), len(self))

    def _has_mask(self, index: int) -> bool:
        return self._masks.has(self._image_of(index))

    @property
    def _folder(self) -> Path:
        return self.root / "images" / self.split

    @cached_property
    def _masks(self) -> MaskFolder:
        return MaskFolder(self.root / "masks" / self.split)

    def _mask(self, index: int) -> Path:
        return self._masks.mask_of(self._image_of(index))

    def _image_of(self, index: int) -> str:
        return self._names[index].removeprefix(f"images/{self.split}/")

    def _label_file(self, index: int) -> Path:
        return self._mask(index)

    def label_key(self, index: int) -> str:
        """Path, size and modification time of the mask, and the task."""
        return f"{stamp(self._mask(index))}|{self.task.key}"

    def label(self, index: int) -> Label:
        """(H, W) uint8 ids of the task; see :meth:`Dataset.label`."""
        return read_mask(self._mask(index), range(self.task.num_classes), self.size(index))
