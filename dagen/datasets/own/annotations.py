"""A folder of images and COCO annotations with a ``dagen.toml``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

from dagen.datasets.coco import Coco as _Coco
from dagen.datasets.own import declaration, patterns
from dagen.datasets.own.classes import meaning, own_task
from dagen.datasets.own.declaration import FILE, Declaration
from dagen.datasets.own.patterns import SPLIT
from dagen.datasets.reading.class_names import BACKGROUND
from dagen.datasets.reading.paths import list_images, stamp
from dagen.types import Task


class OwnCoco(_Coco):
    """One split of a folder of images and COCO annotations."""

    @classmethod
    def _task_of(cls, root: Path, names: list[str]) -> Task:
        return own_task([BACKGROUND, *names], declaration.read(root), root)

    @classmethod
    def meanings(cls, root: Path, task: Task) -> Mapping[str, str]:
        """See :meth:`Dataset.meanings`: the categories, renamed."""
        declared = declaration.read(root)
        return {name: meaning(name, declared) for name in super().meanings(root, task)}

    @classmethod
    def _file_of(cls, root: Path, split: str) -> Path:
        declared = declaration.read(root)
        return root / patterns.pattern(declared.annotations, declared, split).text

    @cached_property
    def _declaration(self) -> Declaration:
        return declaration.read(self.root)

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
        if self._prefix == self._base and not self.has_labels:
            found: Iterable[str] = (
                []
                if SPLIT in self._declaration.images
                else [self._base + name for name in list_images(self.root / self._base)]
            )
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
