"""``dagen data``: check a data set, get one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dagen.cli import options

app = typer.Typer(help="Check and get data sets.", no_args_is_help=True)

DataSet = Annotated[str, typer.Argument(help="Data set; see `dagen list datasets`.")]


@app.command()
def check(
    name: DataSet,
    task: Annotated[str, typer.Option("--task", help="material or binary.")] = "material",
    data_root: options.DataRoot = None,
    quiet: options.Quiet = False,
) -> None:
    """List every defect of a data set at once, and what is in it."""
    from rich.console import Console
    from rich.table import Table

    from dagen.datasets.upkeep.check import check as check_data
    from dagen.runs.config import from_mapping
    from dagen.runs.figures import percent
    from dagen.system.progress import Progress
    from dagen.types import Task

    kind = Task(from_mapping({"task": task}).task)
    with Progress(quiet=quiet) as progress:
        bars: dict[str, Any] = {}

        def show(split: str, done: int, total: int) -> None:
            if split not in bars:
                bars[split] = progress.task(f"checking {name} {split}", total)
            bars[split].update(done)

        report = check_data(name, kind, data_root, show)
    console = Console()
    table = Table(title=f"{name}, task {kind}; shares in % of labelled pixels")
    classes = [*kind.classes, "ignore"]
    for column in ("split", "images", "labelled", "instances", "smallest", "largest", *classes):
        table.add_column(column, justify="left" if column == "split" else "right")
    for split, found in report.splits.items():
        sizes = ["–" if s is None else f"{s[0]}x{s[1]}" for s in (found.smallest, found.largest)]
        instances = "–" if found.instances is None else str(found.instances)
        shares = [percent(found.share.get(c)) for c in classes]
        table.add_row(split, str(found.images), str(found.labelled), instances, *sizes, *shares)
    console.print(table)
    for defect in report.defects:
        where = f"{defect.split}/{defect.file}" if defect.file else defect.split
        typer.echo(f"{where}: {defect.problem}")
    if not report.ok:
        typer.echo(f"dagen: {len(report.defects)} defect(s) in {name}.", err=True)
        raise typer.Exit(1)
    console.print("No defect found.")


@app.command()
def get(
    name: Annotated[str, typer.Argument(help="taco or resortit.")],
    data_root: options.DataRoot = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Downloads at a time.")] = 8,
    edition: Annotated[str, typer.Option(help="ReSORT-IT archive.")] = "synthetic-single",
    archive: Annotated[
        Path | None, typer.Option(help="ReSORT-IT archive that was downloaded by hand.")
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Download a data set to --data-root (or $DAGEN_DATA); resumes where it stopped."""
    import os

    from dagen.errors import UsageError, unknown

    base = data_root or os.environ.get("DAGEN_DATA")
    if not base:
        raise UsageError("give --data-root FOLDER or set DAGEN_DATA, so that it is known where to.")
    folder = Path(base).expanduser() / name
    if name == "taco":
        _get_taco(folder, workers, quiet)
    elif name == "resortit":
        from dagen.datasets.upkeep.get_resortit import get_resortit

        get_resortit(folder, edition=edition, archive=archive)
    else:
        raise unknown("data set to download", name, ("taco", "resortit"))
    typer.echo(f"{name} is in {folder}; look it over with: dagen data check {name}")


def _get_taco(folder: Path, workers: int, quiet: bool) -> None:
    from dagen.datasets.upkeep.get_taco import get_taco
    from dagen.system.progress import Progress

    with Progress(quiet=quiet) as progress:
        bar = progress.task("downloading taco")

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done)

        summary = get_taco(folder, workers=workers, progress=show)
    typer.echo(f"{summary.fetched} downloaded, {summary.present} were there already.")
    for failure in summary.failures:
        typer.echo(f"{failure.file}: {failure.reason}", err=True)
    if summary.failures:
        typer.echo(
            f"dagen: {len(summary.failures)} of {summary.total} could not be had; run the command "
            "again later, it takes up where it stopped.",
            err=True,
        )
        raise typer.Exit(1)
