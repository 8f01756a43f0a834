"""The contract of a data set.

A data set is one file with one public :class:`Dataset`. It lists its images and reads each image's
pixels and, separately, its label, so that training on a target never opens a label.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, Literal

from dagen.datasets.loading.order import Shards
from dagen.datasets.maps.base import Array, Map, fitted
from dagen.datasets.upkeep import download
from dagen.types import Image, Label, Task

__all__ = ["Dataset", "Image", "Label", "Split", "digest_of"]

Split = Literal["train", "val", "test"]


class Dataset:
    """Base of every data set: one split under one task.

    Attributes:
        splits: the splits that exist.
        tasks: the built-in tasks that its labels can serve.
        on_disk: whether it reads files below ``root`` (procedural ones do not).
        Download: how to download it; None if ``dagen data get`` cannot.
        how_to_get: what to do if it cannot be downloaded, as a phrase for errors.
        takes_declaration: whether a ``dagen.toml`` in its folder replaces its fixed layout.
        about_ignored: a sentence for users whose labels have no object but ignored pixels.
    """

    splits: ClassVar[tuple[str, ...]] = ("train", "val")
    tasks: ClassVar[tuple[Task, ...]] = (Task.BINARY, Task.MATERIAL)
    on_disk: ClassVar[bool] = True
    Download: ClassVar[type[download.Download] | None] = None
    how_to_get: ClassVar[str] = "put its files into its folder"
    takes_declaration: ClassVar[bool] = False
    about_ignored: str = ""

    def __init__(self, root: Path, split: str, task: Task) -> None:
        """Open one split.

        Args:
            root: the data set's own folder (ignored by procedural ones).
            split: one of ``splits``.
            task: task under which labels are read.

        Raises:
            DataError: the folder is missing or has no image of that split.
            UsageError: an unknown split, or a task that the labels cannot serve.
        """
        self.root = root
        self.split = split
        self.task = task

    @classmethod
    def declares(cls, root: Path) -> Task | None:
        """The data set's own classes, for ``--task classes``; None if it has none.

        Args:
            root: the data set's own folder.

        Raises:
            DataError: the file that names the classes is missing or damaged.
        """
        return None

    @classmethod
    def meanings(cls, root: Path, task: Task) -> Mapping[str, str]:
        """The data set's own names of classes, and the names under which they meet a task.

        Args:
            root: the data set's own folder.
            task: what is segmented.

        Returns:
            By name: the name of a class, ``background`` or ``ignore``; nothing without own classes.

        Raises:
            DataError: the file that names the classes is missing or damaged.
        """
        own = cls.declares(root)
        return {} if own is None else {name: name for name in own.classes}

    def met(self) -> Mapping[str, str]:
        """The :meth:`meanings` of this split's own names of classes."""
        return self.meanings(self.root, self.task)

    def __len__(self) -> int:
        """Number of images of the split."""
        raise NotImplementedError

    def name(self, index: int) -> str:
        """The name of image ``index`` in errors and result files: its path below ``root``."""
        raise NotImplementedError

    def image(self, index: int) -> Image:
        """Image ``index``, upright by its EXIF orientation.

        Raises:
            DataError: the file is missing, truncated or of another size than declared.
        """
        raise NotImplementedError

    def label(self, index: int) -> Label:
        """Label of image ``index``, of the image's own size.

        Raises:
            DataError: it is missing, damaged, of another size, or contains an unknown id.
        """
        raise NotImplementedError

    @property
    def has_labels(self) -> bool:
        """Whether labels can be read; opens none of them."""
        return True

    @property
    def labelled(self) -> Sequence[int]:
        """Positions of the images that have a label, in order; opens none of them."""
        return range(len(self) if self.has_labels else 0)

    @property
    def shards(self) -> Shards | None:
        """Which images lie together in one file; None if each has a file of its own."""
        return None

    def label_remarks(self) -> Iterable[str]:
        """What should be said before these labels teach or score anything; may open them all."""
        return ()

    def class_remarks(self) -> Iterable[str]:
        """What should be said about labels of classes that this task ignores."""
        return ()

    def image_key(self, index: int) -> str:
        """A string that changes when the pixels of image ``index`` do (path, size, time)."""
        raise NotImplementedError

    def fingerprint(self) -> str:
        """SHA-256 (hex) over the image names and contents of this split, never the labels."""
        raise NotImplementedError

    def signature(self, labels: bool) -> str:
        """SHA-256 (hex) by which a run knows its data again; cheap, since nothing is opened.

        It changes when images come, go or get another name. A data set of files also tells files
        of another size. It does not change when the data set moves.

        Args:
            labels: whether the labels belong to it; without, they may change.
        """
        lines = [self.name(index) for index in range(len(self))]
        return digest_of([*lines, f"labels: {labels and self.has_labels}"])

    def label_digest(self) -> str:
        """SHA-256 (hex) over the contents of the split's label files; empty without such files.

        Images are too large for this; labels of the same size may mean something else.
        """
        return ""

    def map_of(self, index: int, kind: Map) -> Array:
        """The map ``kind`` of image ``index``; opens no label.

        Raises:
            DataError: the image is damaged, or the map breaks the contract of its kind.
        """
        image = self.image(index)
        return fitted(kind.checked(image, self.name(index)), image.shape)

    def label_key(self, index: int) -> str | None:
        """A string that changes when label ``index`` may change; None: labels are not cached."""
        return None

    def instances(self, index: int) -> int | None:
        """Number of labelled objects in image ``index``; None if labels do not separate objects."""
        return None

    def scene(self, index: int) -> str | None:
        """The scene tag of image ``index``, if the data set has one."""
        return None


def digest_of(lines: Iterable[str]) -> str:
    """SHA-256 (hex) over lines of text."""
    return sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()
