"""Breaks the scores of a benchmark's cells down, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dagen.benchmarking.broken_down import parts
from dagen.benchmarking.broken_down.parts import Parts
from dagen.benchmarking.cells import Benchmark, Cell
from dagen.benchmarking.queue import Failure
from dagen.errors import DagenError, Stopped, UsageError
from dagen.runs import results
from dagen.runs.results import RunResult
from dagen.runs.starts import is_start

if TYPE_CHECKING:
    from dagen.runs.runtime import Runtime
    from dagen.system.progress import Progress


def current(benchmark: Benchmark, runs: Path, before: Sequence[Parts]) -> list[Parts]:
    """The lines that still belong to the benchmark, in its order.

    Those of a run that is not on this machine are kept; those of a run that was made again with
    other weights, or whose table now has another data set, are not. An axis that joins the grid
    keeps the lines of the same runs.
    """
    if not benchmark.breakdown:
        return []
    known = {one.place: one for one in before}
    elsewhere = {(one.row, one.run): one for one in before}
    found = []
    for cell in _scored(benchmark):
        result, line = results.intact(runs / cell.config.name), _line(cell)
        one = known.get(line.place) or elsewhere.get((line.row, line.run))
        if one is None or one.domain != line.domain:
            continue
        if result is None or result.weights in (None, one.weights):
            found.append(replace(one, axes=line.axes, source=line.source, target=line.target))
    return found


def is_complete(benchmark: Benchmark, cells: Sequence[Cell], runs: Path, path: Path) -> bool:
    """Whether the score of every cell whose run is here is broken down."""
    if not benchmark.breakdown:
        return True
    have = {one.place for one in current(benchmark, runs, parts.read(path))}
    return all(_line(cell).place in have for cell, _ in _here(benchmark, cells, runs))


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
            if _line(cell).place in have:
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
    from dagen.scoring.breakdown import break_down
    from dagen.scoring.torch_predictor import TorchPredictor
    from dagen.tracking.recording import commit

    empty = _line(cell)
    predictor = TorchPredictor.load(result.model)
    dataset = open_dataset(empty.domain, "val", predictor.task, runtime.data_root)
    bar = progress.task(f"parts of the score of {cell.label}", len(dataset.labelled))
    found = break_down(predictor, dataset, bar.advance)
    return Parts(
        **{
            **asdict(empty),
            **asdict(found),
            "weights": result.weights or "",
            "classes": predictor.task.classes,
            "commit": commit() or "unknown",
        }
    )


def _here(benchmark: Benchmark, cells: Sequence[Cell], runs: Path) -> list[tuple[Cell, RunResult]]:
    """The cells that are wanted, done here and scored, each with its result.

    A target without labels is not scored, so that there is nothing to break down.
    """
    wanted = {cell.config.name for cell in cells}
    found = [
        (cell, results.intact(runs / cell.config.name))
        for cell in _scored(benchmark)
        if cell.config.name in wanted
    ]
    return [
        (cell, result)
        for cell, result in found
        if result is not None and _line(cell).domain in result.scores
    ]


def _scored(benchmark: Benchmark) -> list[Cell]:
    """The cells with a score: not those that pre-train a network."""
    return [cell for cell in benchmark.cells if not is_start(cell.config.to_dict())]


def _line(cell: Cell) -> Parts:
    """The line of a cell before anything is measured."""
    return Parts(
        row=cell.row, model=cell.config.model, task=cell.config.task, seed=cell.config.seed,
        source=cell.source, target=cell.target, axes=dict(cell.axes), run=cell.config.name,
        weights="", classes=(), confusion=[], sizes={}, scenes={}, commit="",
    )  # fmt: skip
