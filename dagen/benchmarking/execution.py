"""A benchmark from its file to its tables: check, run what is missing, collect, draw, log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dagen.benchmarking.attempt import Runner, train
from dagen.benchmarking.cells import Benchmark, Cell
from dagen.benchmarking.collecting import Costs, collect, steps_done
from dagen.benchmarking.display import Display
from dagen.benchmarking.queue import Failure
from dagen.benchmarking.recording import is_finished, logged
from dagen.benchmarking.running import run_cells
from dagen.benchmarking.tables import records, writing
from dagen.benchmarking.tables.records import Record
from dagen.errors import UsageError
from dagen.runs import results
from dagen.runs.runtime import Runtime
from dagen.system.files import make_folder


@dataclass(frozen=True)
class Outcome:
    """What became of a benchmark.

    Attributes:
        records: of every cell that is done.
        failures: cells that failed in this call.
        files: tables, figure and results.
    """

    records: list[Record]
    failures: list[Failure]
    files: list[Path]


@dataclass(frozen=True)
class Plan:
    """What a call would do with one cell.

    Attributes:
        cell: the cell.
        steps: how many of its steps are done.
        seconds: what is left of it, judged by cells that are done; None where that is not known.
    """

    cell: Cell
    steps: int
    seconds: float | None


def plan(
    benchmark: Benchmark,
    runs: Path,
    out: Path,
    only: str | None = None,
    trust_records: bool = False,
) -> list[Plan]:
    """What :func:`run_benchmark` would do; it runs nothing and writes nothing.

    Raises:
        DagenError: what :func:`run_benchmark` would refuse before the first step.
    """
    cells = benchmark.only(only)
    before = records.read(_lines(benchmark, out))
    if trust_records:
        cells = _missing(cells, runs, before)
    check(_missing(cells, runs))
    costs = Costs(collect(benchmark, runs, before))
    return [Plan(cell, steps_done(cell, runs), costs.left([cell], runs)) for cell in cells]


def run_benchmark(
    benchmark: Benchmark,
    runtime: Runtime,
    out: Path,
    *,
    jobs: int = 1,
    only: str | None = None,
    trust_records: bool = False,
    runner: Runner = train,
) -> Outcome:
    """Run the cells that are not done, and write the results of all that are.

    Args:
        benchmark: what to run.
        runtime: where and how; ``parent`` is set here.
        out: folder of the results, ``<name>.jsonl`` and the tables beside it.
        jobs: processes at a time.
        only: a shell pattern of cells or rows; the others are not run.
        trust_records: take cells for done that the results file has, though their runs are not
            here: a grid too long for one machine or one night goes on elsewhere.
        runner: what does a run.

    Raises:
        DagenError: whatever can be said to be wrong before the first step.
    """
    if jobs < 1:
        raise UsageError(f"jobs is {jobs}; give at least 1.")
    cells = benchmark.only(only)
    path = _lines(benchmark, out)
    before = records.read(path)
    missing = _missing(cells, runtime.runs, before if trust_records else ())
    check(missing)
    make_folder(out)

    def save() -> list[Record]:
        found = collect(benchmark, runtime.runs, before)
        records.save(path, found)
        return found

    def outcome(failures: Sequence[Failure] = ()) -> Outcome:
        found = save()
        tables = writing.write(
            out, benchmark.name, found, benchmark.title, benchmark.note, len(benchmark.cells)
        )
        return Outcome(found, list(failures), [path, *tables])

    if not missing and is_finished(benchmark, runtime.runs):
        return outcome()
    with logged(benchmark, runtime) as log:
        here = replace(runtime, parent=log.folder)
        with Display(benchmark.name, missing, runtime, jobs, save) as display:
            failures = run_cells(missing, here, jobs=jobs, runner=runner, watcher=display)
        final = outcome(failures)
        log.results(final.records, final.files)
        log.succeeded = not failures
    return final


def check(cells: Iterable[Cell]) -> None:
    """Refuse what cannot run before anything does; seeds make no difference.

    Raises:
        UsageError: the first cell that cannot run, and why.
    """
    from dagen.engine.checks import check_start
    from dagen.runs.plan import plan_run

    seen = set()
    for cell in cells:
        if (alike := replace(cell.config, seed=0, init=cell.config.init and "")).name in seen:
            continue
        seen.add(alike.name)
        try:
            plan_run(cell.config)
            check_start(cell.config)
        except UsageError as error:
            raise UsageError(f"{cell.label}: {error}") from None


def _missing(cells: Iterable[Cell], runs: Path, trusted: Iterable[Record] = ()) -> list[Cell]:
    """The cells that are not done; of two rows that are one run, one.

    A run that is only a trusted record is done, unless a missing cell starts from its network.
    """
    unique = {cell.config.name: cell for cell in cells}
    absent = {name: cell for name, cell in unique.items() if results.load(runs / name) is None}
    recorded = {record.run for record in trusted}
    missing = {name for name in absent if name not in recorded}
    missing |= {cell.needs for name, cell in absent.items() if name in missing and cell.needs}
    return [cell for name, cell in absent.items() if name in missing]


def _lines(benchmark: Benchmark, out: Path) -> Path:
    return out / f"{benchmark.name}.jsonl"
