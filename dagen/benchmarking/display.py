"""The progress display of a benchmark: current cell, number done, time left."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING

from dagen.benchmarking.cells import Cell
from dagen.benchmarking.collecting import Costs, steps_done
from dagen.benchmarking.queue import Failure, Watcher
from dagen.benchmarking.tables.records import Record
from dagen.system.progress import Progress, ProgressTask

if TYPE_CHECKING:
    from dagen.runs.runtime import Runtime

_NAMED = 4  # most running cells that the bar names


class Display(Watcher):
    """One line per cell if the runs show their own bars, else one bar for all cells.

    Args:
        name: name of the benchmark.
        cells: cells that are to be done.
        runtime: its ``quiet`` is respected.
        parallel: whether several cells run at a time; if not, each shows its own progress.
        save: saves the finished cells and returns their records; called after each cell.
    """

    def __init__(
        self,
        name: str,
        cells: Sequence[Cell],
        runtime: Runtime,
        parallel: bool,
        save: Callable[[], Sequence[Record]],
    ) -> None:
        self._name, self._cells, self._runs = name, cells, runtime.runs
        self._parallel = parallel
        self._quiet, self._save = runtime.quiet, save
        self._ended: set[str] = set()
        self._begun = 0
        self._stack = ExitStack()
        self._bar: ProgressTask | None = None

    def __enter__(self) -> Display:
        if self._parallel:
            progress = self._stack.enter_context(Progress(quiet=self._quiet))
            total = sum(cell.config.steps for cell in self._cells)
            self._bar = progress.task(self._name, total)
            self._bar.update(self._steps())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def begins(self, cell: Cell) -> None:
        """Print the cell's number and the time left for all cells."""
        self._begun += 1
        if not self._parallel:
            left = Costs(self._save()).left(self._open(), self._runs)
            told = "" if left is None else f", about {duration(left)} left"
            self._say(f"cell {self._begun} of {len(self._cells)}: {cell.label}{told}")

    def ended(self, cell: Cell, failure: Failure | None) -> None:
        """Save the finished cells; print the failure, if any."""
        self._ended.add(cell.config.name)
        self._save()
        if failure is not None:
            self._say(f"{cell.label} failed: {failure.reason}")

    def running(self, cells: Iterable[Cell]) -> None:
        """Update the bar."""
        if self._bar is not None:
            done = f"{len(self._ended)} of {len(self._cells)} cells done"
            self._bar.description = f"{self._name}, {done}: {_told([c.label for c in cells])}"
            self._bar.update(self._steps())

    def _open(self) -> list[Cell]:
        return [cell for cell in self._cells if cell.config.name not in self._ended]

    def _steps(self) -> int:
        ended = [cell for cell in self._cells if cell.config.name in self._ended]
        return sum(cell.config.steps for cell in ended) + sum(
            steps_done(cell, self._runs) for cell in self._open()
        )

    def _say(self, text: str) -> None:
        if not self._quiet and sys.stderr is not None:
            print(text, file=sys.stderr, flush=True)


def _told(labels: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(labels) - _NAMED} more" if len(labels) > _NAMED else ""
    return ", ".join(labels[:_NAMED]) + more


def duration(seconds: float) -> str:
    """Seconds as text, such as ``1:20:00``."""
    return str(timedelta(seconds=round(seconds)))
