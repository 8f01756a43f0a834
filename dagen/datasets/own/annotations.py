"""A folder of images and COCO annotations with a ``dagen.toml``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from dagen.datasets.coco import Coco as _Coco
from dagen.datasets.own import declaration, patterns
from dagen.datasets.own.classes import meaning, own_task
from dagen.datasets.own.declaration import FILE, Declaration
from dagen.datasets.own.patterns import SPLIT
from dagen.datasets.reading import coco_json
from dagen.datasets.reading.class_names import BACKGROUND
from dagen.datasets.reading.paths import list_images, stamp
from dagen.errors import DataError, listed
from dagen.types import Task


class OwnCoco(_Coco):
    """One split of a folder of images and COCO annotations."""

    @classmethod
    def _task_of(cls, root: Path, names: list[str]) -> Task:
        declared = cls._declaration_of(root)
        others = cls._other_names(root) if declared.map else ()
        return own_task([BACKGROUND, *names], declared, root, others)

    @classmethod
    def _other_names(cls, root: Path) -> Iterator[str]:
        """Categories that only other splits have: they are no classes, but can be renamed."""
        for file in dict.fromkeys(cls._file_of(root, split) for split in cls.splits):
            if file.is_file() and file != cls._first_file(root):
                with suppress(DataError):  # told when the file is read
                    yield from coco_json.categories(file)

    @classmethod
    def _declaration_of(cls, root: Path) -> Declaration:
        """What ``dagen.toml`` says, with names in place of the ids in ``ignore``."""
        declared = declaration.read(root)
        file = cls._first_file(root)
        if file is None or all(isinstance(each, str) for each in declared.ignore):
            return declared
        known = coco_json.read(file).categories
        wrong = [each for each in declared.ignore if isinstance(each, int) and each not in known]
        if wrong:
            raise DataError(
                f"{root / FILE}: ignore has {listed(map(str, wrong))}, and the ids of the "
                f"categories in {file} are {listed(map(str, sorted(known)))}."
            )
        ignore = [known[each] if isinstance(each, int) else each for each in declared.ignore]
        return declared.model_copy(update={"ignore": ignore})

    @classmethod
    def meanings(cls, root: Path, task: Task) -> Mapping[str, str]:
        """See :meth:`Dataset.meanings`: the categories, renamed."""
        declared = cls._declaration_of(root)
        return {name: meaning(name, declared) for name in super().meanings(root, task)}

    @classmethod
    def _file_of(cls, root: Path, split: str) -> Path:
        declared = declaration.read(root)
        return root / patterns.pattern(declared.annotations, declared, split).text

    @cached_property
    def _declaration(self) -> Declaration:
        return self._declaration_of(self.root)

    @property
    def _base(self) -> str:
        base = self._declaration.images.partition(SPLIT)[0].rpartition("/")[0]
        whole = base if SPLIT in self._declaration.images else self._declaration.images
        return f"{whole}/" if whole and whole != "." else ""

    @cached_property
    def _prefix(self) -> str:
        if SPLIT not in self._declaration.images:
            return self._base
        own = patterns.pattern(self._declaration.images, self._declaration, self.split).text
        return f"{own}/" if (self.root / own).is_dir() else self._base

    def _listing(self) -> Iterable[str]:
        found: Iterable[str]
        if self._prefix == self._base and not self.has_labels:
            # If other splits have annotation files, a split without one has no images.
            elsewhere = self._first_file(self.root) is not None
            found = [] if elsewhere else list_images(self.root / self._base)
            found = [] if SPLIT in self._declaration.images else [self._base + n for n in found]
        else:
            found = super()._listing()
        return patterns.chosen(found, self._declaration, self.root, self.split, self._faults)

    def _layout(self) -> str:
        return (
            f"{self.root / FILE} says that images are in {self._declaration.images} and "
            f"annotations in {self._declaration.annotations}."
        )

    def _named(self, category: str) -> str:
        return meaning(category, self._declaration)

    @property
    def _meaning(self) -> str:
        return repr(self._declaration)

    def label_key(self, index: int) -> str:
        """The label's sources: image, annotation file, ``dagen.toml`` and task."""
        return f"{super().label_key(index)}|{stamp(self.root / FILE)}"
