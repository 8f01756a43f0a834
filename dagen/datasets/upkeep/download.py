"""The contract of a download: what ``dagen data get`` runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dagen.system.files import make_folder
from dagen.system.locks import exclusive

Progress = Callable[[int, int], None]
"""Called with the number of finished files and their total."""


@dataclass(frozen=True)
class Failure:
    """A file that could not be downloaded; ``reason`` says why in one line."""

    file: str
    reason: str


@dataclass
class Summary:
    """The outcome of a download.

    Attributes:
        total: number of images of the data set.
        present: number that existed and were sound before.
        fetched: number downloaded now.
        failures: all others.
    """

    total: int
    present: int = 0
    fetched: int = 0
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class Download:
    """Base of the download of a data set.

    A data set that can be downloaded has a subclass, a frozen dataclass, as ``Dataset.Download``.
    Its fields are the options of ``dagen data get NAME``: each has a default, and its type gives
    the allowed values.
    """

    def run(self, folder: Path, progress: Progress) -> Summary:
        """Download the data set.

        Args:
            folder: the data set's own folder; it may be missing, or contain an earlier attempt.
            progress: called after each file, if files come one by one.

        Returns:
            The outcome; a file that could not be downloaded is not an error.

        Raises:
            DagenError: nothing can be downloaded, for instance without a required package.
        """
        raise NotImplementedError


@contextmanager
def occupied(folder: Path) -> Iterator[None]:
    """Keep other processes from downloading the same data set or file; this one waits for them.

    Args:
        folder: the data set's own folder, or the file; missing folders above it are made. The lock
            lies beside it, because some downloads make the folder only at the end.

    Raises:
        DagenError: the folder above cannot be written to.
    """
    lock = make_folder(folder.parent) / f".{folder.name}.lock"
    with exclusive(lock, str(folder)):
        yield
