"""Runs cells by an engine: on this machine, or wherever another engine takes them.

Each cell is an ordinary run in the folder of its name, so it resumes where it stopped, and a
finished cell is never run again. A cell that fails does not stop the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from dagen.benchmarking.attempt import Runner, attempt, train
from dagen.benchmarking.cells import Cell
from dagen.benchmarking.processes import run_in_processes
from dagen.benchmarking.queue import Failure, Queue, Watcher
from dagen.errors import UsageError

if TYPE_CHECKING:
    from dagen.runs.runtime import Runtime


class Engine(Protocol):
    """What runs the cells of a queue."""

    @property
    def parallel(self) -> bool:
        """Whether several cells may run at a time, so that they cannot all show their progress."""

    def run(self, queue: Queue, runtime: Runtime, runner: Runner) -> None:
        """Run all cells of the queue.

        Args:
            queue: the cells; every one that is taken is ended, too.
            runtime: where and how to run.
            runner: function that does a run.
        """


@dataclass(frozen=True)
class Local:
    """The engine of this machine.

    Attributes:
        jobs: number of parallel processes, which share the cores; 1 runs the cells in this process.
    """

    jobs: int = 1

    def __post_init__(self) -> None:
        """Check the number.

        Raises:
            UsageError: it is below 1.
        """
        if self.jobs < 1:
            raise UsageError(f"jobs is {self.jobs}; give at least 1.")

    @property
    def parallel(self) -> bool:
        """Whether there are several processes."""
        return self.jobs > 1

    def run(self, queue: Queue, runtime: Runtime, runner: Runner) -> None:
        """Run all cells of the queue; see :class:`Engine`."""
        if self.parallel:
            run_in_processes(queue, runtime, self.jobs, runner)
            return
        while (cell := queue.take()) is not None:
            queue.end(cell, attempt(runner, cell.config, runtime))


LOCAL = Local()


def run_cells(
    cells: Iterable[Cell],
    runtime: Runtime,
    *,
    engine: Engine = LOCAL,
    runner: Runner = train,
    watcher: Watcher | None = None,
) -> list[Failure]:
    """Run the cells that are not done yet.

    Args:
        cells: each after the one that it needs.
        runtime: where and how to run.
        engine: what runs them.
        runner: function that does a run.
        watcher: receives the events of the cells.

    Returns:
        The cells that failed, or that need a failed one.
    """
    queue = Queue(cells, runtime.runs, watcher or Watcher())
    engine.run(queue, runtime, runner)
    return queue.failures
