"""``dagen benchmark``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dagen.cli import options
from dagen.cli._engine import Where
from dagen.cli._grouping import grouped
from dagen.errors import UsageError, short

if TYPE_CHECKING:
    from dagen.benchmarking.execution import Outcome, Plan
    from dagen.benchmarking.queue import Failure


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(grouped(benchmark))


def benchmark(
    *,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE.toml",
            help="A TOML file of runs, the name of one in benchmarks/ or of a folder there, or "
            "`baselines`; or `new`, which writes a commented file.",
        ),
    ],
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="[PATH]", help="After `new`: the file to write, or its name in benchmarks/."
        ),
    ] = None,
    only: Annotated[
        str | None, typer.Option(help="Run only these rows or cells, such as 'adabn/enet/*'.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the cells and their time; run none.")
    ] = False,
    trust_records: Annotated[
        bool,
        typer.Option(
            "--trust-records",
            help="Skip cells of the results file, even if their runs are not on this machine.",
        ),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the results; otherwise results/ beside FILE.")
    ] = None,
    where: Where,
    execution: options.Execution,
) -> None:
    """Run a grid of runs and make its tables; finished cells are not run again.

    A benchmark that was stopped resumes where it was, also within a cell. The name of a folder runs
    all of its files. `dagen list settings` explains the keys of a file.
    """
    from dagen.benchmarking import reading
    from dagen.benchmarking.execution import plan, run_benchmark
    from dagen.benchmarking.search import choosing
    from dagen.benchmarking.share_run import run_share
    from dagen.benchmarking.shares import Share

    if file == "new":
        _write_new(path)
        return
    if path is not None:
        raise UsageError(f"one benchmark at a time: '{short(path)}' follows {short(file)}.")
    engine = where.made()
    share = None if where.share is None else Share.parse(where.share)
    # All files are read before the first run, so that a wrong one is known at once.
    found = [(reading.load(one), folder) for one, folder in reading.find_all(file)]
    complete = True
    for one, folder in found:
        if dry_run:
            plans = plan(one, execution.runs, out or folder, only, trust_records, share)
            more = 0 if only or trust_records or share else choosing.count(one.cells) - len(plans)
            _show_plan(one.name, plans, where.jobs or 1, more)
            continue
        runtime, results = execution.runtime(), out or folder
        if share is not None:
            cells, failures = run_share(
                one, runtime, results, share, engine=engine, only=only, trust_records=trust_records
            )
            typer.echo(f"Share {share} of {one.name}: {len(cells)} cells, {len(failures)} failed.")
        else:
            outcome = run_benchmark(
                one, runtime, results, engine=engine, only=only, trust_records=trust_records
            )
            _show(outcome, choosing.count(one.cells))
            failures = outcome.failures
        _show_failures(failures)
        complete = complete and not failures
    if not complete:
        raise typer.Exit(1)


def _write_new(path: str | None) -> None:
    from dagen.benchmarking.new import write_new

    if path is None:
        raise UsageError("name the file to write, as in `dagen benchmark new mine`.")
    written = write_new(path)
    typer.echo(f"{written}: change it, and run it with `dagen benchmark {path}`.")


def _show(outcome: Outcome, cells: int) -> None:
    for file in outcome.files:
        if file.suffix == ".md":
            typer.echo(file.read_text(encoding="utf-8"))
    done = sum(not record.as_it_comes for record in outcome.records)
    typer.echo(f"{done} of {cells} cells are done.")
    typer.echo(f"Results: {', '.join(map(str, outcome.files))}")


def _show_failures(failures: list[Failure]) -> None:
    if not failures:
        return
    reasons: dict[str, list[str]] = {}
    for failure in failures:
        reasons.setdefault(failure.reason, []).append(failure.cell.label)
    for reason, labels in reasons.items():
        more = f" and {len(labels) - 3} more" if len(labels) > 3 else ""
        typer.echo(f"dagen: {', '.join(labels[:3])}{more} failed: {reason}", err=True)
    typer.echo("dagen: run the same command again to try them once more.", err=True)


def _show_plan(name: str, plans: list[Plan], jobs: int, more: int) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from dagen.benchmarking.display import duration

    if not plans:
        typer.echo(f"{name}: no cell is left to do.")
        return
    table = Table(title=name)
    for head in ("cell", "steps done", "time left", "run"):
        table.add_column(head, overflow="fold")
    for one in plans:
        steps = one.cell.config.steps
        left = "?" if one.seconds is None else duration(one.seconds)
        done = one.steps == steps
        table.add_row(
            escape(one.cell.label),
            f"{one.steps} of {steps}",
            "done" if done else left,
            one.cell.config.name,
        )
    console = Console()
    console.print(table)
    unique = {one.cell.config.name: one for one in plans if one.steps < one.cell.config.steps}
    known = [one.seconds for one in unique.values() if one.seconds is not None]
    told = f"{len(unique)} of {len(plans)} cells to do"
    if known:
        unknown = len(unique) - len(known)
        told += f", about {duration(sum(known) / jobs)} of training"
        told += f" and {unknown} of unknown duration" if unknown else ""
    if more:
        told += f"; {more} more when the searches are decided"
    console.print(f"{told}.")
