"""The parts of a benchmark: runs, each a cell of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from dagen.benchmarking.deployed.asked import Deployment
from dagen.errors import UsageError
from dagen.runs.config import Config


@dataclass(frozen=True)
class Cell:
    """One run of a benchmark.

    Attributes:
        row: the table row that it belongs to.
        config: configuration of the run.
        source: the source of the whole table; an oracle's own source is the target.
        target: the target of the whole table, or None.
        axes: the point on the axes other than network, task and seed.
        needs: names of the runs that must be done first: the one that it starts from, and those
            that teach it.
    """

    row: str
    config: Config
    source: str
    target: str | None
    axes: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The cell's name for users, such as ``adabn/enet/binary/s0``."""
        c = self.config
        extra = [f"{name}={value}" for name, value in self.axes.items()]
        return "/".join([self.row, c.model, c.task, f"s{c.seed}", *extra])

    def matches(self, pattern: str) -> bool:
        """Whether its label or its row matches the shell pattern."""
        return fnmatchcase(self.label, pattern) or fnmatchcase(self.row, pattern)


@dataclass(frozen=True)
class Benchmark:
    """A benchmark, as described by a TOML file.

    Attributes:
        name: the file's stem.
        title: title above the tables.
        note: a paragraph below the title.
        rows: names of the rows in the order of the file.
        cells: every run, seed by seed, each after the run that it needs.
        references: known teachers that are scored as they come.
        columns: heads of the columns of the LaTeX tables; none means all.
        command: the command that runs it, as it stands below the tables.
        choose: the validator that chooses among the values that rows try.
        deploy: the smaller files that are made of every cell's network; None makes none.
        breakdown: whether every cell's score is broken down by class, size and scene.
    """

    name: str
    title: str
    note: str
    rows: tuple[str, ...]
    cells: tuple[Cell, ...]
    references: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    command: str | None = None
    choose: str = "combined"
    deploy: Deployment | None = None
    breakdown: bool = False

    def only(self, pattern: str | None) -> list[Cell]:
        """The cells that match a shell pattern, and those that they need; all without one.

        Raises:
            UsageError: no cell matches.
        """
        if pattern is None:
            return list(self.cells)
        wanted = {cell.config.name for cell in self.cells if cell.matches(pattern)}
        if not wanted:
            raise UsageError(
                f"no cell of {self.name} matches '{pattern}'; a cell has a name such as "
                f"{self.cells[0].label}, its row {self.cells[0].row}."
            )
        before: set[str] = set()
        while wanted != before:
            before = set(wanted)
            wanted.update(*(cell.needs for cell in self.cells if cell.config.name in wanted))
        return [cell for cell in self.cells if cell.config.name in wanted]
