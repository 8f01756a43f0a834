"""The contract of a download: what ``dagen data get`` runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

Progress = Callable[[int, int], None]
"""Called with the number of files dealt with and their total."""


@dataclass(frozen=True)
class Failure:
    """A file that could not be fetched; ``reason`` says why in one line."""

    file: str
    reason: str


@dataclass
class Summary:
    """The outcome of a download.

    Attributes:
        total: number of images that the data set has.
        present: those that were there and sound before.
        fetched: those that were fetched now.
        failures: the others.
    """

    total: int
    present: int = 0
    fetched: int = 0
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class Download:
    """Base of the download of a data set.

    A data set that can be fetched holds a subclass, a frozen dataclass, as ``Dataset.Download``.
    Its fields are the options of ``dagen data get NAME``: each has a default, and its type says
    what is allowed.
    """

    def run(self, folder: Path, progress: Progress) -> Summary:
        """Fetch the data set.

        Args:
            folder: the data set's own folder; may be missing, or hold an earlier attempt.
            progress: told after each file, where files come one by one.

        Returns:
            What came of it; a file that could not be fetched is no error.

        Raises:
            DagenError: nothing can be fetched, such as without a package that is needed.
        """
        raise NotImplementedError
