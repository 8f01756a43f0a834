"""Exports the files that ``[deploy]`` asks for, and scores each on the table's data sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dagen.benchmarking.cell_lines import about, kept, with_network
from dagen.benchmarking.cells import Benchmark, Cell
from dagen.benchmarking.deployed import versions
from dagen.benchmarking.deployed.asked import Deployment
from dagen.benchmarking.deployed.versions import Version
from dagen.benchmarking.queue import Failure
from dagen.errors import DagenError, Stopped, UsageError
from dagen.runs import results
from dagen.runs.results import RunResult

if TYPE_CHECKING:
    from dagen.runs.runtime import Runtime
    from dagen.system.progress import Progress


def current(benchmark: Benchmark, runs: Path, before: Sequence[Version]) -> list[Version]:
    """The lines that still belong to the benchmark (:func:`dagen.benchmarking.cell_lines.kept`)."""
    return kept(planned(benchmark), before, runs)


def is_complete(benchmark: Benchmark, cells: Sequence[Cell], runs: Path, path: Path) -> bool:
    """Whether every file of the cells whose runs are here is measured."""
    if benchmark.deploy is None:
        return True
    have = {(one.place, one.part) for one in current(benchmark, runs, versions.read(path))}
    names = {c.config.name for c in cells if results.intact(runs / c.config.name) is not None}
    return all(
        (line.place, line.part) in have
        for cell in with_network(benchmark)
        if cell.config.name in names
        for line in _lines(cell, benchmark.deploy)
    )


def measure(
    benchmark: Benchmark, cells: Sequence[Cell], runtime: Runtime, path: Path
) -> list[Failure]:
    """Make and score the files of the cells whose runs are here; each line is kept at once.

    Pruned networks are trained by the settings of their cell's run. Ranges of int8 are set on
    unlabelled training images of the cell's target, or of its source where it has none. Scores
    decide nothing.

    Args:
        benchmark: the benchmark.
        cells: those whose files are wanted.
        runtime: where and how to train.
        path: the file of lines, which grows.

    Returns:
        The files that could not be made, as failures of their cells.

    Raises:
        UsageError: a package is not installed.
        Stopped: SIGTERM or Ctrl-C came; what was measured is kept.
    """
    from dagen.system.progress import Progress

    if benchmark.deploy is None:
        return []
    found = current(benchmark, runtime.runs, versions.read(path))
    wanted = {cell.config.name for cell in cells}
    failures = []
    with Progress(quiet=runtime.quiet) as progress:
        for cell in with_network(benchmark):
            result = results.intact(runtime.runs / cell.config.name)
            if result is None or cell.config.name not in wanted:
                continue
            have = {(one.place, one.part) for one in found}
            try:
                for one in _measured(cell, result, benchmark.deploy, have, runtime, progress):
                    found.append(one)
                    versions.save(path, current(benchmark, runtime.runs, found))
            except (UsageError, Stopped):
                raise
            except DagenError as error:
                failures.append(Failure(cell, str(error)))
    versions.save(path, current(benchmark, runtime.runs, found))
    return failures


def planned(benchmark: Benchmark) -> list[Version]:
    """The lines of all files that the benchmark asks for, before anything is measured."""
    if benchmark.deploy is None:
        return []
    return [one for cell in with_network(benchmark) for one in _lines(cell, benchmark.deploy)]


def _measured(
    cell: Cell,
    result: RunResult,
    deploy: Deployment,
    have: set[tuple[tuple[str, str, str], tuple[str, int | None, str]]],
    runtime: Runtime,
    progress: Progress,
) -> Iterator[Version]:
    """The files of one cell that were not measured yet."""
    import torch

    from dagen.datasets.loading.opening import open_dataset
    from dagen.deploy import predictor as exported
    from dagen.deploy.compression.networks import networks
    from dagen.deploy.export import export
    from dagen.models.deployed.file import read_card
    from dagen.scoring.evaluation import evaluate
    from dagen.system.device import describe
    from dagen.tracking.recording import commit

    for wanted, line in zip(deploy.files(), _lines(cell, deploy), strict=True):
        if (line.place, line.part) in have:
            continue
        model = result.model
        if wanted.share is not None:
            *_, model = networks(
                model, [wanted.share], [], steps=wanted.steps, data=None, runtime=runtime,
                progress=progress,
            ).values()  # fmt: skip
        file = result.folder / "deployed" / f"{wanted.network}-{wanted.precision}.onnx"
        export(
            model,
            file,
            int8=wanted.precision == "int8",
            fp16=wanted.precision == "fp16",
            data_root=runtime.data_root,
        )
        predictor = exported.load(file)
        scores = {}
        for name in result.scores:
            dataset = open_dataset(name, "val", predictor.task, runtime.data_root)
            told = f"{wanted.network} {wanted.precision} of {cell.label} on {name}"
            bar = progress.task(told, len(dataset.labelled))
            scores[name] = evaluate(predictor, dataset, on_image=bar.advance).to_dict()
        yield replace(
            line,
            weights=result.weights or str(read_card(result.model).weights),
            bytes=predictor.runtime.bytes,
            macs=predictor.runtime.facts.macs,
            scores=scores,
            runtime=predictor.runtime.name,
            hardware=describe(torch.device("cpu")),
            commit=commit() or "unknown",
        )


def _lines(cell: Cell, deploy: Deployment) -> list[Version]:
    """The lines of a cell's files, before anything is measured."""
    return [
        Version(
            **about(cell), network=wanted.network, steps=wanted.steps, precision=wanted.precision
        )
        for wanted in deploy.files()
    ]
