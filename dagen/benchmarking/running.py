"""Runs cells, one after the other in this process or in several processes at a time.

Each cell is an ordinary run in the folder of its name, so it resumes where it stopped, and a
finished cell is never run again. A cell that fails does not stop the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dagen.benchmarking.attempt import Runner, attempt, train
from dagen.benchmarking.cells import Cell
from dagen.benchmarking.processes import run_in_processes
from dagen.benchmarking.queue import Failure, Queue, Watcher

if TYPE_CHECKING:
    from dagen.runs.runtime import Runtime


def run_cells(
    cells: Iterable[Cell],
    runtime: Runtime,
    *,
    jobs: int = 1,
    runner: Runner = train,
    watcher: Watcher | None = None,
) -> list[Failure]:
    """Run the cells that are not done yet.

    Args:
        cells: each after the one that it needs.
        runtime: where and how to run.
        jobs: number of parallel processes, which share the cores; 1 runs the cells in this process.
        runner: function that does a run.
        watcher: receives the events of the cells.

    Returns:
        The cells that failed, or that need a failed one.
    """
    queue = Queue(cells, runtime.runs, watcher or Watcher())
    if jobs == 1:
        while (cell := queue.take()) is not None:
            queue.end(cell, attempt(runner, cell.config, runtime))
    else:
        run_in_processes(queue, runtime, jobs, runner)
    return queue.failures
