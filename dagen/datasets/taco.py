"""TACO: litter in the wild, the target domain.

Proenca and Simoes, "TACO: Trash Annotations in Context for Litter Detection" (2020,
arXiv 2003.06975; tacodataset.org). Layout below the data set's folder, as it is distributed::

    data/annotations.json
    data/batch_N/NNNNNN.jpg

or the same without ``data``. A file ``splits.json`` beside the annotations or one folder above
them, ``{"train": ["batch_1/000006.jpg", ...], "val": [...]}``, says which photographs belong to a
split (a split that it does not name does not exist); without one,
:mod:`dagen.datasets.reading.taco_splits` decides.

Training on TACO as a target needs no annotation at all: the photographs are listed from
``splits.json`` or the batch folders, never from ``annotations.json``. That file is opened by
:meth:`Taco.label`, :meth:`Taco.instances` and :meth:`Taco.scene` alone.

Under ``material``, categories become the classes of :mod:`dagen.datasets.reading.taco_classes`, and
those without a class 255; under ``binary`` every category is waste. Where objects overlap, the
smaller one counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from dagen.datasets.base import Label
from dagen.datasets.reading import coco_json
from dagen.datasets.reading.class_names import IGNORED, id_of, on_ground
from dagen.datasets.reading.files import Files, MissingSplit
from dagen.datasets.reading.paths import (
    inside,
    lexically_inside,
    list_images,
    portable,
    spelling_fault,
    stamp,
)
from dagen.datasets.reading.taco_classes import MATERIAL_OF
from dagen.datasets.reading.taco_splits import split_of
from dagen.datasets.upkeep import download
from dagen.errors import DataError, short
from dagen.types import IGNORE, PRESETS, Task


class Taco(Files):
    """One split of TACO under one task."""

    splits: ClassVar[tuple[str, ...]] = ("train", "val", "test")

    @dataclass(frozen=True)
    class Download(download.Download):
        """The photographs of TACO, from the addresses in its annotation file.

        Attributes:
            workers: number of parallel downloads, 1 to 64.
            max_mb: most megabytes of one photograph, 1 to 10000.
            max_total_gb: most gigabytes of one call, 1 to 10000.
        """

        workers: Annotated[int, Field(ge=1, le=64)] = 8
        max_mb: Annotated[int, Field(ge=1, le=10000)] = 100
        max_total_gb: Annotated[int, Field(ge=1, le=10000)] = 20

        def run(self, folder: Path, progress: download.Progress) -> download.Summary:
            """Download the missing photographs."""
            from dagen.datasets.upkeep.get_taco import get_taco

            return get_taco(
                folder,
                workers=self.workers,
                max_mb=self.max_mb,
                max_total_gb=self.max_total_gb,
                progress=progress,
            )

    @classmethod
    def declares(cls, root: Path) -> Task:
        """See :meth:`Dataset.declares`: background and the materials."""
        return replace(Task.MATERIAL, name="classes")

    @classmethod
    def meanings(cls, root: Path, task: Task) -> Mapping[str, str]:
        """See :meth:`Dataset.meanings`: TACO's categories."""
        met = {name: _met(name, task) for name in MATERIAL_OF}
        return {name: found or IGNORED for name, found in met.items()}

    @cached_property
    def _data(self) -> Path:
        return self.root / "data" if (self.root / "data").is_dir() else self.root

    @property
    def _prefix(self) -> str:
        return "" if self._data == self.root else "data/"

    @property
    def _file(self) -> Path:
        return self._data / "annotations.json"

    @cached_property
    def _own_splits(self) -> Path | None:
        paths = [folder / "splits.json" for folder in (self._data, self.root)]
        return next((path for path in paths if path.exists()), None)

    def _listing(self) -> Iterable[str]:
        if self._own_splits:
            names = map(portable, self._own_split(self._own_splits))
            return [self._prefix + name for name in names]
        return [
            f"{self._prefix}{batch.name}/{name}"
            for batch in self._data.glob("batch_*")
            for name in list_images(batch)
            if split_of(f"{batch.name}/{name}") == self.split
        ]

    def _own_split(self, path: Path) -> list[str]:
        try:
            splits = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"{path} is not a readable JSON file: {short(str(error))}.") from None
        names = splits.get(self.split) if isinstance(splits, dict) else None
        if names is None and isinstance(splits, dict):
            raise MissingSplit(
                f"{path} has no split '{self.split}'; it has: {', '.join(splits) or 'none'}."
            )
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise DataError(
                f'{path} must hold {{"{self.split}": ["batch_1/000006.jpg", ...]}}: correct it.'
            )
        if fault := spelling_fault(map(portable, names)):
            self._faults.append(f"{path} {fault}: correct the file.")
        return [name for name in names if lexically_inside(portable(name))]

    def _layout(self) -> str:
        return (
            f"photographs belong in {self._data / 'batch_N'}; `dagen data get taco` fetches "
            "them, and your own splits.json may choose among them."
        )

    def _path(self, index: int) -> Path:
        source = f"the split '{self.split}'"
        return inside(self.root, self._names[index], source)

    def _file_name(self, index: int) -> str:
        return self._names[index].removeprefix(self._prefix)

    @property
    def has_labels(self) -> bool:
        """Whether ``annotations.json`` exists."""
        return self._file.is_file()

    @cached_property
    def _read(self) -> coco_json.Annotations:
        return coco_json.read(self._file)

    def _label_file(self, index: int) -> Path:
        return self._file

    def label_key(self, index: int) -> str:
        """The label's sources: the photograph, the annotation file and the task."""
        return f"{self.image_key(index)}|{stamp(self._file)}|{self.task.key}"

    def label(self, index: int) -> Label:
        """(H, W) uint8 ids of the task; see :meth:`Dataset.label`."""
        return self._draw(index, self._read.require_sound())

    def inspect(self, index: int) -> Label:
        """:meth:`label`, also if other entries of the annotation file are wrong."""
        return self._draw(index, self._read)

    def _draw(self, index: int, found: coco_json.Annotations) -> Label:
        entry = found.entry(self._file_name(index))
        return on_ground(partial(found.draw, entry, self.size(index)), self._value, self.task)

    def _value(self, category: str) -> int:
        return id_of(_met(category, self.task) or IGNORED, self.task)

    def instances(self, index: int) -> int:
        """Number of annotated objects in photograph ``index``."""
        entry = self._read.entry(self._file_name(index))
        return len(self._read.instances.get(entry.id, []))

    def label_remarks(self) -> Iterable[str]:
        """Says how many objects have no outline, or one outside their image."""
        return self._read.remarks

    def audit(self) -> Iterator[tuple[str, str]]:
        """What is wrong with the annotation file; declared photographs that are missing."""
        yield from super().audit()
        if not self.has_labels:
            return
        yield from ((self._file.name, problem) for problem in self._read.problems())
        if not self._own_splits:
            for name in self._read.images:
                if split_of(name) == self.split and not (self._data / name).is_file():
                    yield self._prefix + name, "is declared in annotations.json but missing"

    def scene(self, index: int) -> str | None:
        """TACO's first scene tag, such as ``"Pavement"``; None without annotations or a tag."""
        if not self.has_labels:
            return None
        entry = self._read.entry(self._file_name(index))
        return self._read.scenes.get(entry.id)


def _met(category: str, task: Task) -> str | None:
    """The name under which a category meets a task; None if it has no counterpart."""
    if task == Task.BINARY or (task not in PRESETS and id_of(category, task) != IGNORE):
        return category
    # A name outside the table (of a later or an extended TACO) has no counterpart either.
    return MATERIAL_OF.get(category)
