"""ReSORT-IT: waste on a sorting belt, the labelled source domain.

Koskinopoulou et al., "Robotic Waste Sorting Technology" (IEEE RAM 28(2), 2021,
doi 10.1109/MRA.2021.3066040). Layout below the data set's folder::

    train/NAME         val/NAME           images
    labels/train/NAME  labels/val/NAME    index masks

A mask is a PNG (or BMP or TIFF) of the same stem; a JPEG changes ids and is refused. Images and
masks may lie in sub-folders. Ids: 0 background, 1 aluminium, 2 paper (carton), 3 bottle, 4 nylon;
255 is ignored. (Older loaders of this data turned 255 into class 4; here it remains ignored.) Under
the binary task every material is waste.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from dagen.datasets.base import Label
from dagen.datasets.reading.class_names import translated
from dagen.datasets.reading.files import Files
from dagen.datasets.reading.masks import MaskFolder, read_mask
from dagen.datasets.reading.paths import list_images, stamp
from dagen.datasets.upkeep import download
from dagen.types import Task


class ReSortIt(Files):
    """One split of ReSORT-IT under one task."""

    @dataclass(frozen=True)
    class Download(download.Download):
        """One of the three archives of ReSORT-IT, from the authors' Google Drive.

        Attributes:
            edition: name of the archive: basic, synthetic-single or synthetic-complex.
            archive: a zip or tar file that was downloaded by hand, to use instead.
        """

        edition: str = "synthetic-single"
        archive: Path | None = None

        def run(self, folder: Path, progress: download.Progress) -> download.Summary:
            """Download the archive and unpack it."""
            from dagen.datasets.upkeep.get_resortit import get_resortit

            return get_resortit(folder, edition=self.edition, archive=self.archive)

    @classmethod
    def declares(cls, root: Path) -> Task:
        """See :meth:`Dataset.declares`: background and the materials."""
        return replace(Task.MATERIAL, name="classes")

    def _listing(self) -> Iterable[str]:
        return (f"{self.split}/{name}" for name in list_images(self.root / self.split))

    def _layout(self) -> str:
        return f"images belong in {self.root / self.split}, masks in {self._labels}."

    @property
    def _labels(self) -> Path:
        return self.root / "labels" / self.split

    @property
    def has_labels(self) -> bool:
        """Whether the split's folder of masks exists."""
        return self._labels.is_dir()

    @property
    def _folder(self) -> Path:
        return self.root / self.split

    @cached_property
    def _masks(self) -> MaskFolder:
        return MaskFolder(self._labels)

    def _mask(self, index: int) -> Path:
        return self._masks.mask_of(self._names[index].removeprefix(f"{self.split}/"))

    def _label_file(self, index: int) -> Path:
        return self._mask(index)

    def label_key(self, index: int) -> str:
        """Path, size and modification time of the mask, and the task."""
        return f"{stamp(self._mask(index))}|{self.task.key}"

    def label(self, index: int) -> Label:
        """(H, W) uint8 ids of the task; see :meth:`Dataset.label`."""
        ids = range(Task.MATERIAL.num_classes)
        mask = read_mask(self._mask(index), ids, self.size(index))
        return translated(mask, Task.MATERIAL.classes, self.task)
