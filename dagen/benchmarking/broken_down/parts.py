"""What was measured of a cell's score: one line for each cell."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dagen.benchmarking.tables import lines

_SUFFIX = "-breakdown"


@dataclass(frozen=True)
class Parts:
    """The parts of one cell's score on the table's data set.

    Attributes:
        row: name of the table row.
        model: name of the network.
        task: name of the task.
        seed: seed of the cell.
        source: the source of the whole table.
        target: the target of the whole table, or None.
        axes: the point on the benchmark's other axes.
        run: name of the cell's run.
        weights: SHA-256 of the tensors of the cell's deployed file.
        classes: names of the classes by id.
        confusion: see :class:`dagen.scoring.breakdown.Breakdown`; so are the next two.
        sizes: by size of the object.
        scenes: by scene.
        commit: commit of the code that measured it, or ``unknown``.
    """

    row: str
    model: str
    task: str
    seed: int
    source: str
    target: str | None
    axes: dict[str, Any]
    run: str
    weights: str
    classes: tuple[str, ...]
    confusion: list[list[int]]
    sizes: dict[str, dict[str, float]]
    scenes: dict[str, dict[str, float]]
    commit: str

    @property
    def domain(self) -> str:
        """The data set that was scored: the target, or the source without a target."""
        return self.target or self.source

    @property
    def place(self) -> tuple[str, str, str]:
        """The cell: rows may share a run, and so may points on an axis."""
        return self.row, self.run, json.dumps(self.axes, sort_keys=True, default=list)


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
