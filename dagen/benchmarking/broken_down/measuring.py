"""Breaks the scores of a benchmark's cells down, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dagen.benchmarking.broken_down import parts
from dagen.benchmarking.broken_down.parts import Parts
from dagen.benchmarking.cell_lines import about, kept, with_network
from dagen.benchmarking.cells import Benchmark, Cell
from dagen.benchmarking.queue import Failure
from dagen.errors import DagenError, Stopped, UsageError
from dagen.runs import results
from dagen.runs.results import RunResult

if TYPE_CHECKING:
    from dagen.runs.runtime import Runtime
    from dagen.system.progress import Progress


def current(benchmark: Benchmark, runs: Path, before: Sequence[Parts]) -> list[Parts]:
    """The lines that still belong to the benchmark (:func:`dagen.benchmarking.cell_lines.kept`)."""
    if not benchmark.breakdown:
        return []
    return kept([Parts(**about(cell)) for cell in with_network(benchmark)], before, runs)


def is_complete(benchmark: Benchmark, cells: Sequence[Cell], runs: Path, path: Path) -> bool:
    """Whether the score of every cell whose run is here is broken down."""
    if not benchmark.breakdown:
        return True
    have = {one.place for one in current(benchmark, runs, parts.read(path))}
    return all(Parts(**about(cell)).place in have for cell, _ in _here(benchmark, cells, runs))


def measure(
    benchmark: Benchmark, cells: Sequence[Cell], runtime: Runtime, path: Path
) -> list[Failure]:
    """Break down the scores of the cells whose runs are here; each line is kept at once.

    Args:
        benchmark: the benchmark.
        cells: those that are wanted.
        runtime: where the runs and the data sets are.
        path: the file of lines, which grows.

    Returns:
        The scores that could not be broken down, as failures of their cells.

    Raises:
        Stopped: SIGTERM or Ctrl-C came; what was measured is kept.
    """
    if not benchmark.breakdown:
        return []
    from dagen.system.progress import Progress

    found = current(benchmark, runtime.runs, parts.read(path))
    have = {one.place for one in found}
    failures = []
    with Progress(quiet=runtime.quiet) as progress:
        for cell, result in _here(benchmark, cells, runtime.runs):
            if Parts(**about(cell)).place in have:
                continue
            try:
                found.append(_measured(cell, result, runtime, progress))
            except (UsageError, Stopped):
                raise
            except DagenError as error:
                failures.append(Failure(cell, str(error)))
                continue
            parts.save(path, current(benchmark, runtime.runs, found))
    parts.save(path, current(benchmark, runtime.runs, found))
    return failures


def _measured(cell: Cell, result: RunResult, runtime: Runtime, progress: Progress) -> Parts:
    from dagen.datasets.loading.opening import open_dataset
    from dagen.models.deployed.file import read_card
    from dagen.scoring.breakdown import break_down
    from dagen.scoring.torch_predictor import TorchPredictor
    from dagen.tracking.recording import commit

    line = Parts(**about(cell))
    predictor = TorchPredictor.load(result.model)
    dataset = open_dataset(line.domain, "val", predictor.task, runtime.data_root)
    bar = progress.task(f"parts of the score of {cell.label}", len(dataset.labelled))
    found = break_down(predictor, dataset, bar.advance)
    return replace(
        line,
        weights=result.weights or str(read_card(result.model).weights),
        classes=predictor.task.classes,
        confusion=found.confusion,
        sizes=found.sizes,
        scenes=found.scenes,
        commit=commit() or "unknown",
    )


def _here(benchmark: Benchmark, cells: Sequence[Cell], runs: Path) -> list[tuple[Cell, RunResult]]:
    """The cells that are wanted, done here and scored, each with its result.

    A target without labels is not scored, so that there is nothing to break down.
    """
    wanted = {cell.config.name for cell in cells}
    found = [
        (cell, results.intact(runs / cell.config.name))
        for cell in with_network(benchmark)
        if cell.config.name in wanted
    ]
    return [
        (cell, result)
        for cell, result in found
        if result is not None and Parts(**about(cell)).domain in result.scores
    ]
