"""Your own images with COCO annotations.

Layout below the data set's folder::

    annotations/SPLIT.json   (or annotations/instances_SPLIT.json)
    images/FILE_NAME         or images/SPLIT/FILE_NAME

SPLIT is train, val or test. If the folder ``images/SPLIT`` exists, its files are the split, and
``FILE_NAME`` is relative to it: such a set can be a training target without any annotation.
Otherwise the annotation file says which images belong to the split.

Under ``material`` a category counts if its name is that of a class (background, aluminium, paper,
bottle, nylon, in any case); any other is 255, ignored. Under ``binary`` every category but
"background" is waste. Where objects overlap, the smaller one counts. Polygons and uncompressed run
lengths are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from dagen.datasets.base import Label
from dagen.datasets.reading import coco_json
from dagen.datasets.reading.files import Files
from dagen.datasets.reading.paths import inside, list_images, stamp
from dagen.errors import DataError
from dagen.types import IGNORE, Task


class Coco(Files):
    """One split of images with a COCO annotation file."""

    splits: ClassVar[tuple[str, ...]] = ("train", "val", "test")
    how_to_get = "put images/ and annotations/<split>.json into its folder"

    @cached_property
    def _prefix(self) -> str:
        own = (self.root / "images" / self.split).is_dir()
        return f"images/{self.split}/" if own else "images/"

    @property
    def _file(self) -> Path:
        folder = self.root / "annotations"
        plain = folder / f"{self.split}.json"
        return plain if plain.is_file() else folder / f"instances_{self.split}.json"

    def _listing(self) -> Iterable[str]:
        if self._prefix != "images/":
            names: Iterable[str] = list_images(self.root / self._prefix)
        else:
            names = self._annotations.images if self.has_labels else ()
        return (self._prefix + name for name in names)

    def _layout(self) -> str:
        return (
            f"images belong in {self.root / 'images' / self.split}, or in {self.root / 'images'} "
            f"with {self.root / 'annotations' / self.split}.json naming them."
        )

    def _path(self, index: int) -> Path:
        return inside(self.root, self._names[index], str(self._file))

    def _file_name(self, index: int) -> str:
        return self._names[index].removeprefix(self._prefix)

    @property
    def has_labels(self) -> bool:
        """Whether the split's annotation file exists."""
        return self._file.is_file()

    @cached_property
    def _annotations(self) -> coco_json.Annotations:
        found = coco_json.load(self._file)
        names = {name.casefold() for name in found.categories.values()}
        if self.task is Task.MATERIAL and not names & {*self.task.classes[1:]}:
            raise DataError(
                f"no category of {self._file} is a material ({', '.join(self.task.classes[1:])}): "
                "rename those that are, or run the task 'binary'."
            )
        return found

    def label_key(self, index: int) -> str:
        """The label's sources: the image, the annotation file and the task."""
        return f"{self.image_key(index)}|{stamp(self._file)}|{self.task}"

    def label(self, index: int) -> Label:
        """(H, W) uint8 ids of the task; see :meth:`Dataset.label`."""
        return self._annotations.draw(self._file_name(index), self.size(index), self._value)

    def _value(self, category: str) -> int:
        name = category.casefold()
        if self.task is Task.BINARY:
            return int(name != "background")
        return self.task.classes.index(name) if name in self.task.classes else IGNORE

    def instances(self, index: int) -> int:
        """Number of annotated objects in image ``index``."""
        entry = self._annotations.entry(self._file_name(index))
        return len(self._annotations.instances.get(entry.id, []))

    def audit(self) -> Iterator[tuple[str, str]]:
        """Declared images that are missing, which listing the folder cannot show."""
        if self.has_labels and self._prefix != "images/":
            for name in self._annotations.images:
                if not (self.root / self._prefix / name).is_file():
                    yield self._prefix + name, f"is declared in {self._file.name} but missing"
