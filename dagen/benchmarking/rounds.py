"""Runs cells in rounds, because a search has to be decided before its other seeds are run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from dagen.benchmarking.attempt import Runner
from dagen.benchmarking.cells import Benchmark, Cell
from dagen.benchmarking.display import Display
from dagen.benchmarking.queue import Failure
from dagen.benchmarking.running import Engine, run_cells
from dagen.benchmarking.search import choosing
from dagen.benchmarking.tables.records import Record

if TYPE_CHECKING:
    from dagen.runs.runtime import Runtime


def due(benchmark: Benchmark, cells: Iterable[Cell], found: Iterable[Record]) -> list[Cell]:
    """Those of ``cells`` that can be run, now that the records ``found`` are there."""
    names = {cell.config.name for cell in choosing.due(benchmark.cells, found, benchmark.choose)}
    return [cell for cell in cells if cell.config.name in names]


def run_rounds(
    benchmark: Benchmark,
    cells: Sequence[Cell],
    runtime: Runtime,
    save: Callable[[], Sequence[Record]],
    *,
    engine: Engine,
    runner: Runner,
    title: str,
) -> list[Failure]:
    """Run cells, and what becomes due by their results; each is tried once.

    Args:
        benchmark: the benchmark.
        cells: cells that are not done.
        runtime: where and how to run.
        save: saves the finished cells and returns their records.
        engine: what runs the cells.
        runner: function that does a run.
        title: a few words for the progress bar.

    Returns:
        The cells that failed.
    """
    left, failures = list(cells), list[Failure]()
    while now := due(benchmark, left, save()):
        with Display(title, now, runtime, engine.parallel, save) as display:
            failures += run_cells(now, runtime, engine=engine, runner=runner, watcher=display)
        tried = {cell.config.name for cell in now}
        left = [cell for cell in left if cell.config.name not in tried]
    return failures
