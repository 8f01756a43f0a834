"""Executes a benchmark: check, run the missing cells, collect, draw, log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dagen.benchmarking import references
from dagen.benchmarking.attempt import Runner, train
from dagen.benchmarking.broken_down import measuring as broken_down
from dagen.benchmarking.broken_down import parts as score_parts
from dagen.benchmarking.broken_down import table as parts_table
from dagen.benchmarking.cells import Benchmark, Cell
from dagen.benchmarking.collecting import Costs, collect, steps_done
from dagen.benchmarking.deployed import measuring as deployed
from dagen.benchmarking.deployed import table as deployed_table
from dagen.benchmarking.deployed import versions
from dagen.benchmarking.deployed.asked import require_packages
from dagen.benchmarking.foreseen import check_columns
from dagen.benchmarking.queue import Failure
from dagen.benchmarking.recording import is_finished, logged, occupied
from dagen.benchmarking.rounds import due, run_rounds
from dagen.benchmarking.running import LOCAL, Engine
from dagen.benchmarking.search import showing as searched
from dagen.benchmarking.shares import Share, dealt
from dagen.benchmarking.tables import records, writing
from dagen.benchmarking.tables.records import Record
from dagen.errors import UsageError
from dagen.runs import results
from dagen.runs.runtime import Runtime
from dagen.system.files import make_folder


@dataclass(frozen=True)
class Outcome:
    """The outcome of a benchmark.

    Attributes:
        records: records of all finished cells.
        failures: cells that failed in this call.
        files: files of tables, figure and results.
    """

    records: list[Record]
    failures: list[Failure]
    files: list[Path]


@dataclass(frozen=True)
class Plan:
    """The work that a call would do for one cell.

    Attributes:
        cell: the cell.
        steps: number of its steps that are done.
        seconds: estimated seconds left; None if not known.
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
    share: Share | None = None,
) -> list[Plan]:
    """The work that :func:`run_benchmark` would do; this runs and writes nothing.

    Of a search that is not decided yet, it has the cells of the first seed only.

    Raises:
        DagenError: an error that :func:`run_benchmark` would raise before the first step.
    """
    cells = benchmark.only(only)
    if share is not None:
        cells = dealt(cells, share)
    before = records.read(records_file(benchmark, out))
    if trust_records:
        cells = missing(cells, runs, before)
    check(missing(cells, runs))
    found = collect(benchmark, runs, before)
    check_columns(benchmark, found, None)
    costs, cells = Costs(found), due(benchmark, cells, found)
    return [Plan(cell, steps_done(cell, runs), costs.left([cell], runs)) for cell in cells]


def run_benchmark(
    benchmark: Benchmark,
    runtime: Runtime,
    out: Path,
    *,
    engine: Engine = LOCAL,
    only: str | None = None,
    trust_records: bool = False,
    runner: Runner = train,
) -> Outcome:
    """Run the cells that are not done, and write the results of all finished ones.

    Args:
        benchmark: the benchmark to run.
        runtime: where and how to run; ``parent`` is set here.
        out: folder of the results: ``<name>.jsonl`` and the tables.
        engine: what runs the cells.
        only: a shell pattern of cells or rows; the others are not run.
        trust_records: treat cells of the results file as done even if their runs are not here, so
            that a grid too long for one machine or one night can continue elsewhere.
        runner: function that does a run.

    Raises:
        DagenError: any error that can be found before the first step.
    """
    cells = benchmark.only(only)
    require_packages(benchmark.deploy)
    before = records.read(records_file(benchmark, out))
    check(missing(cells, runtime.runs, before if trust_records else ()), runtime.data_root)
    check_columns(benchmark, collect(benchmark, runtime.runs, before), runtime.data_root)
    make_folder(out)
    with occupied(benchmark, runtime.runs):
        return _run(benchmark, cells, runtime, out, engine, trust_records, runner)


def _run(
    benchmark: Benchmark,
    cells: Sequence[Cell],
    runtime: Runtime,
    out: Path,
    engine: Engine,
    trust_records: bool,
    runner: Runner,
) -> Outcome:
    """See :func:`run_benchmark`; no other process runs the same benchmark."""
    path, lines = records_file(benchmark, out), versions.file_of(out, benchmark.name)
    part_lines = score_parts.file_of(out, benchmark.name)
    before = records.read(path)
    if wanted := references.missing(benchmark, before):
        before += references.measure(wanted, runtime)
    left = missing(cells, runtime.runs, before if trust_records else ())

    def save() -> list[Record]:
        found = collect(benchmark, runtime.runs, before)
        records.save(path, found)
        return found

    def outcome(failures: Sequence[Failure] = ()) -> Outcome:
        found = save()
        shown = searched.only_chosen(found, benchmark.choose)
        told = searched.told(found, benchmark.choose)
        recorded = {record.run for record in found}
        now = due(benchmark, benchmark.cells, found)
        waiting = [cell for cell in now if cell.config.name not in recorded]
        done = sum(not record.as_it_comes for record in shown)
        note = "\n\n".join(filter(None, (benchmark.note, told)))
        smaller = deployed.current(benchmark, runtime.runs, versions.read(lines))
        smaller = searched.lines_of_chosen(smaller, found, benchmark.choose)
        parts = broken_down.current(benchmark, runtime.runs, score_parts.read(part_lines))
        parts = searched.lines_of_chosen(parts, found, benchmark.choose)
        tables = writing.write(
            out,
            benchmark.name,
            shown,
            benchmark.title,
            note,
            done + len(waiting),
            command=benchmark.command,
            columns=benchmark.columns,
            more=[*parts_table.tables(parts), *deployed_table.tables(smaller)],
        )
        beside = [*([part_lines] if parts else []), *([lines] if smaller else [])]
        return Outcome(found, list(failures), [path, *beside, *tables])

    def kept() -> list[Cell]:
        """The cells that more is measured of: none of a combination that was not chosen."""
        return searched.cells_of_chosen(cells, save(), benchmark.choose)

    measured = deployed.is_complete(benchmark, kept(), runtime.runs, lines)
    measured &= broken_down.is_complete(benchmark, kept(), runtime.runs, part_lines)
    done_before = measured and is_finished(benchmark, runtime.runs)
    if not due(benchmark, left, save()) and done_before:
        return outcome()
    with logged(benchmark, runtime) as log:
        here = replace(runtime, parent=log.folder)
        failures = run_rounds(
            benchmark, left, here, save, engine=engine, runner=runner, title=benchmark.name
        )
        failures += broken_down.measure(benchmark, kept(), here, part_lines)
        failures += deployed.measure(benchmark, kept(), here, lines)
        final = outcome(failures)
        log.results(final.records, final.files)
        log.succeeded = not failures
    return final


def check(cells: Iterable[Cell], data_root: Path | None = None) -> None:
    """Refuse cells that cannot run, before any cell runs; each is checked for one seed.

    Raises:
        UsageError: a cell cannot run; the message names the first one and the reason.
        DataError: a folder that a cell names is no data set.
    """
    from dagen.datasets.loading.opening import check_name
    from dagen.engine.checks import check_start
    from dagen.runs.plan import plan_run

    seen = set()
    for cell in cells:
        if (alike := replace(cell.config, seed=0, init=cell.config.init and "")).name in seen:
            continue
        seen.add(alike.name)
        own = cell.config
        try:
            for name in (own.src, own.tgt, *own.score, *own.extra_src, *own.extra_tgt):
                if name is not None:
                    check_name(name, data_root)
            check_start(own, plan_run(own, data_root=data_root).task)
        except UsageError as error:
            raise UsageError(f"{cell.label}: {error}") from None


def missing(cells: Iterable[Cell], runs: Path, trusted: Iterable[Record] = ()) -> list[Cell]:
    """The cells that are not done; two rows that are the same run count once.

    A run with only a trusted record counts as done, unless a missing cell starts from its network.
    """
    unique = {cell.config.name: cell for cell in cells}
    absent = {name: cell for name, cell in unique.items() if results.intact(runs / name) is None}
    recorded = {record.run for record in trusted}
    wanted = {name for name in absent if name not in recorded}
    before: set[str] = set()
    while wanted != before:
        before = set(wanted)
        wanted |= {n for name in before for n in absent[name].needs if n in absent}
    return [cell for name, cell in absent.items() if name in wanted]


def records_file(benchmark: Benchmark, out: Path) -> Path:
    """The file of the records."""
    return out / f"{benchmark.name}.jsonl"
