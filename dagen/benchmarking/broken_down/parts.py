"""What was measured of a cell's score: one line for each cell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dagen.benchmarking.cell_lines import CellLine
from dagen.benchmarking.tables import lines

_SUFFIX = "-breakdown"


@dataclass(frozen=True, kw_only=True)
class Parts(CellLine):
    """The parts of one cell's score on the table's data set.

    Attributes:
        classes: names of the classes by id.
        confusion: see :class:`dagen.scoring.breakdown.Breakdown`; so are the next two.
        sizes: by size of the object.
        scenes: by scene.
    """

    classes: tuple[str, ...] = ()
    confusion: list[list[int]] = field(default_factory=list)
    sizes: dict[str, dict[str, float]] = field(default_factory=dict)
    scenes: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def part(self) -> object:
        """The data set that was scored; a table may get another one."""
        return self.domain


def file_of(folder: Path, benchmark: str) -> Path:
    """Where the lines of a benchmark lie."""
    return folder / f"{benchmark}{_SUFFIX}.jsonl"


def is_one(path: Path) -> bool:
    """Whether a file of results is one of such lines, by its name."""
    return path.stem.endswith(_SUFFIX)


def read(path: Path) -> list[Parts]:
    """The lines of a file; none if it does not exist.

    Raises:
        DagenError: a line is damaged.
    """
    return lines.read(path, _made, "of a score's parts")


def save(path: Path, parts: Iterable[Parts]) -> None:
    """Write the lines in their order.

    Raises:
        DagenError: it cannot be written.
    """
    lines.save(path, map(asdict, parts))


def _made(values: dict[str, Any]) -> Parts:
    return Parts(**{**values, "classes": tuple(values["classes"])})
