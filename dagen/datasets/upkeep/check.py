"""Lists all defects of a data set at once, and summarises its content."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dagen.datasets.base import Dataset
from dagen.datasets.loading import foreground, opening
from dagen.datasets.own.meanings import OwnMasks
from dagen.datasets.reading.files import Files, MissingSplit
from dagen.errors import DataError, listed
from dagen.types import IGNORE, Task

Progress = Callable[[str, int, int], None]
"""Called with the split, the number of images done and their total."""

_NEEDED = ("train", "val")


@dataclass(frozen=True)
class Defect:
    """A defect; ``file`` is None if it concerns the whole split."""

    split: str
    file: str | None
    problem: str


@dataclass(frozen=True)
class Warned:
    """What is not wrong in itself, but should be known before training or scoring."""

    split: str
    problem: str


@dataclass
class SplitSummary:
    """The content of a split, counted over its sound images.

    Attributes:
        images: number of images listed.
        labelled: number of labels that could be read.
        smallest: (H, W) of the image with the fewest pixels.
        largest: (H, W) of the image with the most pixels.
        share: class name, or "ignore", -> part of all labelled pixels in [0, 1].
        instances: number of labelled objects; None if the labels do not separate objects.
    """

    images: int
    labelled: int = 0
    smallest: tuple[int, int] | None = None
    largest: tuple[int, int] | None = None
    share: dict[str, float] = field(default_factory=dict)
    instances: int | None = None


@dataclass
class Report:
    """The outcome of a check."""

    name: str
    task: Task
    splits: dict[str, SplitSummary] = field(default_factory=dict)
    defects: list[Defect] = field(default_factory=list)
    warnings: list[Warned] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether no defect was found."""
        return not self.defects


def check(
    name: str, task: Task, data_root: Path | None = None, progress: Progress | None = None
) -> Report:
    """Open every image and every label of every split.

    The check finds empty splits, names listed twice, missing, truncated or damaged images, pictures
    of a format that is not read, sizes other than declared, masks that are missing, of another size
    or with unknown ids, wrong entries of annotation files, objects without an outline, paths that
    leave the folder, images that are in two splits, and splits whose labels have no object. Splits
    other than train and val may be absent. It warns when a split has no pixel of a class, or labels
    for only some of its images, when names of classes are guessed, and of annotation files whose
    format is not read.

    Args:
        name: the data set.
        task: the task under which labels are read.
        data_root: see :func:`dagen.datasets.loading.opening.root`.
        progress: called after each image.

    Raises:
        UsageError: an unknown name, or a task that the labels cannot serve.
        DataError: the data set's folder is missing, or its ``dagen.toml`` cannot be read.
    """
    found = opening.kind(name, data_root)
    folder = opening.require(name, data_root)
    report = Report(name, task)
    seen: dict[bytes, tuple[str, str]] = {}
    for split in found.splits:
        faults: list[str] = []
        try:
            dataset: Dataset = (
                found(folder, split, task, faults)
                if issubclass(found, Files)
                else found(folder, split, task)
            )
        except MissingSplit as error:
            if split in _NEEDED and not _unlabelled(found, folder, task):
                report.defects.append(Defect(split, None, str(error)))
        except DataError as error:
            report.defects.append(Defect(split, None, str(error)))
        else:
            checked = _SplitCheck(dataset, seen, faults)
            checked.run(progress)
            report.splits[split] = checked.summary
            report.defects += checked.defects
            report.warnings += checked.warnings
    if issubclass(found, OwnMasks):
        report.warnings += [Warned("labels", sentence) for sentence in found.remarks(folder)]
    return report


def _unlabelled(found: type[Dataset], folder: Path, task: Task) -> bool:
    """Whether a data set has training images without labels; it then needs no ``val`` split."""
    try:
        return not found(folder, "train", task).has_labels
    except DataError:
        return False


class _SplitCheck:
    """The check of one split.

    Args:
        dataset: the split.
        seen: the images of all earlier splits.
        faults: what is wrong with its list of images.
    """

    def __init__(
        self, dataset: Dataset, seen: dict[bytes, tuple[str, str]], faults: list[str]
    ) -> None:
        self.dataset = dataset
        self.seen = seen
        self.summary = SplitSummary(len(dataset))
        self.defects: list[Defect] = []
        self.warnings: list[Warned] = []
        self._pixels = np.zeros(256, dtype=np.int64)
        self._told: set[str] = set()
        for fault in faults:
            self._tell(None, fault)

    def run(self, progress: Progress | None) -> None:
        total = len(self.dataset)
        if isinstance(self.dataset, Files):
            try:
                for file, problem in self.dataset.audit():
                    self._tell(file, problem)
            except DataError as error:
                self._tell(None, str(error))
        self._labelled = {*self.dataset.labelled}
        self._look_for_labels()
        for index in range(total):
            name = self.dataset.name(index)
            image, label = self._fault(self._image, index), self._fault(self._label, index)
            if image:
                self._tell(name, image)
            # The label needs the image's size, so it complains of a damaged image as well.
            if label and not (image and str(self.dataset.root / name) in label):
                self._tell(name, label)
            if progress:
                progress(self.dataset.split, index + 1, total)
        try:
            for remark in self.dataset.class_remarks():
                self.warnings.append(Warned(self.dataset.split, remark))
        except DataError:  # told of each label
            pass
        self.summary.share = self._shares()
        self._look_for_classes()

    def _fault(self, part: Callable[[int, str], None], index: int) -> str | None:
        try:
            part(index, self.dataset.name(index))
        except DataError as error:
            return str(error)
        return None

    def _tell(self, file: str | None, problem: str) -> None:
        # A message about a damaged file names it: a broken annotation file is listed once, not for
        # each of its images.
        key = problem if str(self.dataset.root) in problem else f"{file}: {problem}"
        if key not in self._told:
            self._told.add(key)
            self.defects.append(Defect(self.dataset.split, file, problem))

    def _image(self, index: int, name: str) -> None:
        image = self.dataset.image(index)
        size = (image.shape[0], image.shape[1])
        known = [known for known in (self.summary.smallest, self.summary.largest) if known]
        self.summary.smallest = min(*known, size, size, key=math.prod)
        self.summary.largest = max(*known, size, size, key=math.prod)
        split, first = self.seen.setdefault(
            hashlib.sha256(image.tobytes()).digest(), (self.dataset.split, name)
        )
        if split != self.dataset.split:
            self._tell(name, f"is the same image as {first} of the split '{split}'")

    def _label(self, index: int, name: str) -> None:
        if index not in self._labelled:
            return
        found = self.dataset
        label = found.inspect(index) if isinstance(found, Files) else found.label(index)
        count = self.dataset.instances(index)
        self._pixels += np.bincount(label.ravel(), minlength=256)
        self.summary.labelled += 1
        if count is not None:
            self.summary.instances = (self.summary.instances or 0) + count

    def _look_for_classes(self) -> None:
        if problem := foreground.fault(self.dataset, self._pixels):
            self._tell(None, problem)
            return
        absent = [
            name
            for value, name in enumerate(self.dataset.task.classes)
            if value in self.dataset.task.foreground
            and self.summary.labelled
            and not self._pixels[value]
        ]
        if absent:
            problem = f"no label has a pixel of the class {', '.join(absent)}."
            self.warnings.append(Warned(self.dataset.split, problem))

    def _look_for_labels(self) -> None:
        total = len(self.dataset)
        bare = [self.dataset.name(i) for i in range(total) if i not in self._labelled]
        if self._labelled and bare:
            problem = (
                f"{len(bare)} of {total} images have no label ({listed(bare)}): as a target it is "
                "scored on the others; a source needs a label for each image that it trains on."
            )
            self.warnings.append(Warned(self.dataset.split, problem))

    def _shares(self) -> dict[str, float]:
        total = int(self._pixels.sum())
        names = {**dict(enumerate(self.dataset.task.classes)), IGNORE: "ignore"}
        return {name: int(self._pixels[value]) / total for value, name in names.items() if total}
