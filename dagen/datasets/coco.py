r"""Your own images with COCO annotations.

Layout below the data set's folder::

    annotations/SPLIT.json   (or annotations/instances_SPLIT.json)
    images/FILE_NAME         or images/SPLIT/FILE_NAME

SPLIT is train, val or test. If the folder ``images/SPLIT`` exists, its files are the split, and
``FILE_NAME`` is relative to it: such a set can be a training target without any annotation.
Otherwise the annotation file says which images belong to the split.

With a ``dagen.toml`` in the folder, that file says what is where and what the classes are called.

``FILE_NAME`` may have sub-folders, with ``/`` or ``\``, and may repeat ``images/`` or
``images/SPLIT/``. Accents may be stored composed or decomposed, and spaces as ``%20``.

Under ``material`` a category counts if its name is that of a class (background, aluminium, paper,
bottle, nylon, in any case); any other is 255, ignored. Under ``binary`` every category is waste
except ``background`` and labelme's ``_background_``, and ``__ignore__`` is 255. Polygons are drawn
by COCO's rule; run lengths are read as lists and in their compressed form. Where objects overlap,
the smaller one counts. An object without an outline is not background: its box is 255.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from typing import ClassVar
from urllib.parse import quote, unquote

from dagen.datasets.base import Label
from dagen.datasets.own.classes import own_task
from dagen.datasets.own.declaration import FILE, Declaration
from dagen.datasets.reading import coco_json
from dagen.datasets.reading.class_names import BACKGROUND, IGNORED, class_key, id_of, on_ground
from dagen.datasets.reading.coco_entries import role_of
from dagen.datasets.reading.coco_json import categories
from dagen.datasets.reading.files import Files
from dagen.datasets.reading.names import NamesByKey
from dagen.datasets.reading.paths import (
    canonical,
    inside,
    lexically_inside,
    list_images,
    spelling_fault,
    stamp,
)
from dagen.errors import DataError, listed
from dagen.types import IGNORE, Task


class Coco(Files):
    """One split of images with a COCO annotation file."""

    splits: ClassVar[tuple[str, ...]] = ("train", "val", "test")
    takes_declaration = True
    how_to_get = "put images/ and annotations/<split>.json into its folder"

    @classmethod
    def declares(cls, root: Path) -> Task | None:
        """See :meth:`Dataset.declares`: the categories of the first annotation file."""
        file = cls._first_file(root)
        return None if file is None else cls._task_of(root, categories(file))

    @classmethod
    def meanings(cls, root: Path, task: Task) -> Mapping[str, str]:
        """See :meth:`Dataset.meanings`: the categories of the first annotation file."""
        file = cls._first_file(root)
        return {} if file is None else {c: role_of(c) or c for c in categories(file)}

    @classmethod
    def _first_file(cls, root: Path) -> Path | None:
        return next((f for s in cls.splits if (f := cls._file_of(root, s)).is_file()), None)

    @classmethod
    def _task_of(cls, root: Path, names: list[str]) -> Task:
        return own_task([BACKGROUND, *names], Declaration(kind="coco"), root)

    @classmethod
    def _file_of(cls, root: Path, split: str) -> Path:
        """The annotation file of a split, whether it exists or not."""
        folder = root / "annotations"
        plain = folder / f"{split}.json"
        return plain if plain.is_file() else folder / f"instances_{split}.json"

    @property
    def _base(self) -> str:
        """The folder of all images, with ``/`` at its end."""
        return "images/"

    @cached_property
    def _prefix(self) -> str:
        own = (self.root / self._base / self.split).is_dir()
        return f"{self._base}{self.split}/" if own else self._base

    @property
    def _folder(self) -> Path | None:
        return None if self._prefix == self._base else self.root / self._prefix

    @property
    def _file(self) -> Path:
        return self._file_of(self.root, self.split)

    def _listing(self) -> Iterable[str]:
        if self._prefix != self._base:
            names: Iterable[str] = list_images(self.root / self._prefix)
        else:
            names = self._read.images if self.has_labels else ()
            if fault := spelling_fault(names):
                self._faults.append(f"{self._file} {fault}: correct the file.")
                names = filter(lexically_inside, names)
            return map(self._on_disk, names)
        return (self._prefix + name for name in names)

    def _on_disk(self, name: str) -> str:
        """Path below ``root`` of the image that the annotations name; it need not exist."""
        # Label Studio writes "images/" before every name.
        base = self._base
        usual, *others = [base + name, *([name] if name.startswith(base) else [])]
        others += [unquote(path) for path in (usual, *others) if "%" in path]  # as in addresses
        for path in (usual, *others):
            if lexically_inside(path) and (self.root / path).is_file():
                return path
        found = (self._spellings[canonical(path)] for path in (usual, *others))
        return next((paths[-1] for paths in found if paths), usual)

    @cached_property
    def _spellings(self) -> NamesByKey:
        names = (self._base + name for name in list_images(self.root / self._base))
        return NamesByKey(names, canonical)

    def _layout(self) -> str:
        return (
            f"images belong in {self.root / 'images' / self.split}, or in {self.root / 'images'} "
            f"with {self.root / 'annotations' / self.split}.json naming them."
        )

    def _path(self, index: int) -> Path:
        path = inside(self.root, self._names[index], str(self._file))
        if not path.is_file() and len(alike := self._namesakes[path.name]) == 1:
            raise DataError(
                f"the image {path} is missing, but a file of that name is at "
                f"{self.root / alike[0]}: {self._repair(self._names[index], alike[0])}correct the "
                f"names in {self._file}, or move the file."
            )
        return path

    def _repair(self, named: str, there: str) -> str:
        """The line of ``dagen.toml`` by which a file is found where it lies, as a first choice."""
        name = named.removeprefix(self._base)
        folder = there.removesuffix(f"/{name}")
        return f'write images = "{folder}" in {self.root / FILE}, ' if folder != there else ""

    @cached_property
    def _namesakes(self) -> NamesByKey:
        """The images below the base folder by their names without folders."""
        return NamesByKey(self._spellings.values(), lambda name: PurePosixPath(name).name)

    def _declared(self, index: int) -> list[str]:
        """Names under which an image may be declared: some repeat folders of the layout."""
        name = self._names[index]
        plain = [name.removeprefix(part) for part in (self._prefix, self._base, "")]
        return [*plain, *map(quote, plain)]

    @property
    def has_labels(self) -> bool:
        """Whether the split's annotation file exists."""
        return self._file.is_file()

    @cached_property
    def _read(self) -> coco_json.Annotations:
        return coco_json.read(self._file)

    @cached_property
    def _annotations(self) -> coco_json.Annotations:
        found = self._read.require_sound()
        names = [self._named(name) for name in found.categories.values()]
        met = [name for name in names if id_of(name, self.task) in self.task.foreground]
        if self.task != Task.BINARY and not met:
            raise DataError(
                f"no category of {self._file} ({', '.join(names) or 'there is none'}) is a class "
                f"of this task ({', '.join(self.task.classes[i] for i in self.task.foreground)}): "
                f"rename those that are, in the file or in the table [map] of a {FILE}, or run the "
                "task 'binary'."
            )
        return found

    def _label_file(self, index: int) -> Path:
        return self._file

    def label_key(self, index: int) -> str:
        """The label's sources: the image, the annotation file and the task."""
        return f"{self.image_key(index)}|{stamp(self._file)}|{self.task.key}"

    def label(self, index: int) -> Label:
        """(H, W) uint8 ids of the task; see :meth:`Dataset.label`."""
        return self._draw(index, self._annotations)

    def inspect(self, index: int) -> Label:
        """:meth:`label`, also if other entries of the annotation file are wrong."""
        return self._draw(index, self._read)

    def _draw(self, index: int, found: coco_json.Annotations) -> Label:
        entry = found.entry(*self._declared(index))
        return on_ground(partial(found.draw, entry, self.size(index)), self._value, self.task)

    def _named(self, category: str) -> str:
        """The name under which a category meets a task."""
        return role_of(category) or category

    def _value(self, category: str) -> int:
        return id_of(self._named(category), self.task)

    def instances(self, index: int) -> int:
        """Number of annotated objects in image ``index``."""
        entry = self._read.entry(*self._declared(index))
        return len(self._read.instances.get(entry.id, []))

    def label_remarks(self) -> Iterable[str]:
        """Says which objects are not drawn, and in training which classes have no object."""
        learnt = self._unlearnable() if self.split == "train" else ()
        return [*self._read.remarks, *self.class_remarks(), *learnt]

    def class_remarks(self) -> Iterable[str]:
        """Says which categories are ignored because the first annotation file lacks them."""
        if not self.has_labels:
            return
        found = self._read
        used = found.instances.categories
        strange = [
            name
            for number, name in found.categories.items()
            if number in used
            and self._value(name) == IGNORE
            and class_key(self._named(name)) != IGNORED
        ]
        first = self._first_file(self.root)
        if not strange or first is None or first == self._file:
            return
        known = {class_key(name) for name in categories(first)}
        if told := [name for name in strange if class_key(name) not in known]:
            yield (
                f"{self._file} has objects of {listed(told)}, which {first.name} does not have: "
                f"they are ignored; a table [map] in {FILE} can rename them."
            )

    def _unlearnable(self) -> Iterator[str]:
        """What is said about classes of the task that no annotation has."""
        found = self._read
        used = found.instances.categories
        learnt = {self._value(name) for number, name in found.categories.items() if number in used}
        if absent := [
            name
            for name in found.categories.values()
            if (value := self._value(name)) in self.task.foreground and value not in learnt
        ]:
            yield (
                f"{self._file} has no annotation of {', '.join(absent)}, which therefore cannot be "
                f'learnt: annotate some, or leave it out, such as ignore = ["{absent[0]}"] in its '
                f"{FILE}."
            )

    def audit(self) -> Iterator[tuple[str, str]]:
        """What is wrong with the annotation file; declared images that are missing."""
        yield from super().audit()
        if not self.has_labels:
            return
        yield from ((self._file.name, problem) for problem in self._read.problems())
        if self._prefix != self._base:
            found = [self._read.find(*self._declared(index)) for index in range(len(self))]
            there = {entry.id for entry in found if entry}
            for name, entry in self._read.images.items():
                if entry.id not in there:
                    yield self._prefix + name, f"is declared in {self._file.name} but missing"
