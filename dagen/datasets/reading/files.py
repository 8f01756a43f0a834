"""The common base of the data sets on disk: a list of image files."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

from dagen.datasets.base import Dataset, Image, Label, digest_of
from dagen.datasets.reading.formats import unread, unread_together
from dagen.datasets.reading.images import image_size, read_image
from dagen.datasets.reading.names import Names
from dagen.datasets.reading.paths import list_unread, stamp
from dagen.errors import DataError, UsageError, unknown
from dagen.types import PRESETS, Task

logger = logging.getLogger("dagen")


@cache
def say_once(sentence: str) -> None:
    """Warn, but once in a process: a data set is opened several times."""
    logger.warning("%s", sentence)


class MissingSplit(DataError):
    """The data set exists, but the split has no image; not every set has a test split."""


class Files(Dataset):
    """Base of the data sets on disk: a sorted list of names below ``root``.

    The list and all facts about an image come from folders and split lists alone; only
    :meth:`label`, :meth:`instances` and :meth:`scene` open labels.
    """

    def __init__(self, root: Path, split: str, task: Task, faults: list[str] | None = None) -> None:
        """Open one split; see :meth:`Dataset.__init__`.

        Args:
            root: the data set's own folder.
            split: one of ``splits``.
            task: task under which labels are read.
            faults: takes what is wrong with the split's list of images, a sentence each; the split
                then has the sound names. None: any fault is an error.
        """
        super().__init__(Path(root), split, task)
        self._faults: list[str] = [] if faults is None else faults
        self._checked = faults is not None
        if split not in self.splits:
            raise unknown("split", split, self.splits)
        if task in PRESETS and task not in self.tasks:
            allowed = ", ".join([*map(str, self.tasks), "classes"])
            raise UsageError(f"these labels cannot serve the task '{task}'; allowed: {allowed}.")
        if not self.root.is_dir():
            raise DataError(
                f"the data set's folder {self.root} is missing: get the data, or set --data-root "
                "or DAGEN_DATA to the folder that holds it."
            )
        names = self._arranged(self._listing())
        if twice := sorted({one for one, other in pairwise(names) if one == other}):
            self._faults.append(
                f"the split '{split}' of {self.root} names {len(twice)} file(s) more than once "
                f"({', '.join(twice[:5])}): list each once."
            )
        if self._faults and not self._checked:
            raise DataError(" ".join(self._faults))
        strange = [] if self._checked else self._unread()
        if not names and not self._faults:
            raise MissingSplit(
                f"the split '{split}' of {self.root} has no image: "
                f"{' '.join([*strange, self._layout()])}"
            )
        for sentence in strange:
            say_once(sentence)
        self._names = Names(dict.fromkeys(names) if twice else names)

    def _listing(self) -> Iterable[str]:
        """Paths of the split's images below ``root``; opens no label.

        What is wrong with the list is added to ``_faults``, and the sound part of it is returned.
        """
        raise NotImplementedError

    def _arranged(self, names: Iterable[str]) -> Sequence[str]:
        """The names in the order of the split's positions, those that are the same together."""
        return sorted(names)

    def _layout(self) -> str:
        """Where the split's images belong, for the error about an empty split."""
        raise NotImplementedError

    def _path(self, index: int) -> Path:
        return self.root / self._names[index]

    def __len__(self) -> int:
        return len(self._names)

    def name(self, index: int) -> str:
        """Path of image ``index`` below ``root``, with ``/``."""
        return self._names[index]

    def image(self, index: int) -> Image:
        """(H, W, 3) uint8 RGB, upright; see :meth:`Dataset.image`."""
        return read_image(self._path(index))

    def size(self, index: int) -> tuple[int, int]:
        """(H, W) of the upright image, without decoding it where possible."""
        return image_size(self._path(index))

    def image_key(self, index: int) -> str:
        """Path, size and modification time of the image file."""
        return stamp(self._path(index))

    @property
    def _folder(self) -> Path | None:
        """The folder whose pictures are the split; None if a list names them."""
        return None

    def _unread(self) -> list[str]:
        """What is said about pictures beside the split's images whose format is not read."""
        folder = self._folder
        return [] if folder is None else unread_together(folder / n for n in list_unread(folder))

    def audit(self) -> Iterator[tuple[str, str]]:
        """Defects that no single image shows, as (file, problem)."""
        if self._folder:
            below = self._folder.relative_to(self.root)
            for name in list_unread(self._folder):
                yield (below / name).as_posix(), unread(self._folder / name)

    def inspect(self, index: int) -> Label:
        """:meth:`label`, drawn even if other labels in the same file are wrong; for checks only."""
        return self.label(index)

    def _label_file(self, index: int) -> Path | None:
        """The file that the label of image ``index`` is read from; it may be missing."""
        return None

    @property
    def _meaning(self) -> str:
        """What a declaration says of the labels."""
        return ""

    def signature(self, labels: bool) -> str:
        """Names and sizes of the files; see :meth:`Dataset.signature`."""
        labels = labels and self.has_labels
        lines = [f"labels: {labels}", self._meaning if labels else ""]
        for index, name in enumerate(self._names):
            label = self._label_file(index) if labels else None
            lines.append(f"{name}|{_bytes(self._path(index))}|{label and _bytes(label)}")
        return digest_of(lines)

    def label_digest(self) -> str:
        """See :meth:`Dataset.label_digest`; a file of several labels counts once."""
        found = [self._label_file(index) for index in self.labelled]
        files = dict.fromkeys(file for file in found if file is not None)
        return digest_of(_content(file) for file in files) if files else ""

    def fingerprint(self) -> str:
        """SHA-256 (hex) over the names and file contents of the split's images, in order."""
        total = hashlib.sha256()
        for index, name in enumerate(self._names):
            path = self._path(index)
            stamp(path)  # raises a clear error for a missing file
            total.update(f"{name}\0{_content(path)}\n".encode())
        return total.hexdigest()


def _content(path: Path) -> str:
    """SHA-256 (hex) of a file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {str(error.strerror).lower()}.") from None


def _bytes(path: Path) -> int | None:
    """Size of a file in bytes; None if it is missing."""
    try:
        return path.stat().st_size
    except OSError:
        return None
