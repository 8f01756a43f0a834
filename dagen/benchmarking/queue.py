"""Decides which cell runs next, and records the failures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dagen.benchmarking.cells import Cell
from dagen.runs import results


@dataclass(frozen=True)
class Failure:
    """A failed cell, and the reason in one line."""

    cell: Cell
    reason: str


class Watcher:
    """Receives the events of a queue; the base class ignores them."""

    def begins(self, cell: Cell) -> None:
        """Called before a cell runs."""

    def ended(self, cell: Cell, failure: Failure | None) -> None:
        """Called when a cell is done or has failed."""

    def running(self, cells: Iterable[Cell]) -> None:
        """Called every few seconds with the running cells, when several run at a time."""


class Queue:
    """Decides which cell runs next, and records the failures.

    If two rows are the same run, it is done once.

    Attributes:
        failures: cells that failed, or that need a failed one.
    """

    def __init__(self, cells: Iterable[Cell], runs: Path, watcher: Watcher) -> None:
        self.failures: list[Failure] = []
        self._runs, self._watcher = runs, watcher
        unique: dict[str, Cell] = {}
        for cell in cells:
            unique.setdefault(cell.config.name, cell)
        self._waiting = [cell for cell in unique.values() if not self._done(cell)]
        self._running: set[str] = set()
        self._failed: dict[str, Cell] = {}

    def take(self) -> Cell | None:
        """The next cell that can run now; None if there is none, or none yet."""
        for cell in list(self._waiting):
            failed = next((name for name in cell.needs if name in self._failed), None)
            if failed is not None:
                self._waiting.remove(cell)
                self._fail(cell, f"it starts from {self._failed[failed].label}, which failed.")
            elif not any(map(self._open, cell.needs)):
                self._waiting.remove(cell)
                self._running.add(cell.config.name)
                self._watcher.begins(cell)
                return cell
        return None

    def end(self, cell: Cell, reason: str | None) -> None:
        """Mark the cell as ended; ``reason`` says why it failed, or is None."""
        self._running.discard(cell.config.name)
        if reason is None and not self._done(cell):
            reason = "it ended without a result."
        if reason is None:
            self._watcher.ended(cell, None)
        else:
            self._fail(cell, reason)

    def look(self, cells: Iterable[Cell]) -> None:
        """Tell the watcher which cells run."""
        self._watcher.running(cells)

    def _fail(self, cell: Cell, reason: str) -> None:
        self._failed[cell.config.name] = cell
        self.failures.append(Failure(cell, reason))
        self._watcher.ended(cell, self.failures[-1])

    def _open(self, name: str) -> bool:
        return name in self._running or any(cell.config.name == name for cell in self._waiting)

    def _done(self, cell: Cell) -> bool:
        return results.intact(self._runs / cell.config.name) is not None
