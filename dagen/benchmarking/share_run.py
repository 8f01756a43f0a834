"""Runs one share of a benchmark, beside the jobs that run the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dagen.benchmarking.attempt import Runner, train
from dagen.benchmarking.cells import Benchmark, Cell
from dagen.benchmarking.collecting import collect
from dagen.benchmarking.execution import check, missing, records_file
from dagen.benchmarking.foreseen import check_columns
from dagen.benchmarking.queue import Failure
from dagen.benchmarking.recording import announced
from dagen.benchmarking.rounds import due, run_rounds
from dagen.benchmarking.running import LOCAL, Engine
from dagen.benchmarking.shares import Share, dealt
from dagen.benchmarking.tables import records

if TYPE_CHECKING:
    from dagen.runs.runtime import Runtime


def run_share(
    benchmark: Benchmark,
    runtime: Runtime,
    out: Path,
    share: Share,
    *,
    engine: Engine = LOCAL,
    only: str | None = None,
    trust_records: bool = False,
    runner: Runner = train,
) -> tuple[list[Cell], list[Failure]]:
    """Run the cells of a share that are not done; no table is written.

    The jobs of the other shares may run at the same time: nothing is written but the runs. Of a
    search that other shares help to decide, only what is decided is run.

    Args:
        benchmark: the benchmark.
        runtime: where and how to run; the folder of all runs is common to all jobs.
        out: folder of the results, for ``trust_records``.
        share: which share.
        engine: what runs the cells.
        only: a shell pattern of cells or rows, the same for all jobs.
        trust_records: see :func:`dagen.benchmarking.execution.run_benchmark`.
        runner: function that does a run.

    Returns:
        The cells of the share, without those of a search that are not or not yet chosen, and
        those that failed.

    Raises:
        DagenError: any error that can be found before the first step.
    """
    cells = dealt(benchmark.only(only), share)
    before = records.read(records_file(benchmark, out))
    left = missing(cells, runtime.runs, before if trust_records else ())
    check(left, runtime.data_root)
    check_columns(benchmark, collect(benchmark, runtime.runs, before), runtime.data_root)
    failures = run_rounds(
        benchmark,
        left,
        replace(runtime, parent=announced(benchmark, runtime)),
        lambda: collect(benchmark, runtime.runs, before),
        engine=engine,
        runner=runner,
        title=f"{benchmark.name} {share}",
    )
    return due(benchmark, cells, collect(benchmark, runtime.runs, before)), failures
