"""``dagen data``: make, check and download data sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dagen.cli import options

if TYPE_CHECKING:
    from dagen.datasets.upkeep.check import Defect

app = typer.Typer(help="Make, check and get data sets.", no_args_is_help=True)

DataSet = Annotated[str, typer.Argument(help="Data set; see `dagen list datasets`.")]


@app.command()
def check(
    name: DataSet,
    task: Annotated[
        str | None, typer.Option("--task", help="material, binary or classes (its own).")
    ] = None,
    data_root: options.DataRoot = None,
    quiet: options.Quiet = False,
) -> None:
    """List all defects of a data set at once, and summarise its content."""
    from rich.console import Console
    from rich.table import Table

    from dagen.datasets.loading.opening import declared
    from dagen.datasets.upkeep.check import Defect
    from dagen.datasets.upkeep.check import check as check_data
    from dagen.errors import DataError
    from dagen.runs.config import from_mapping
    from dagen.runs.figures import percent
    from dagen.runs.plan import task_of
    from dagen.system.progress import Progress
    from dagen.types import Task

    settings = {"src": name} if task is None else {"src": name, "task": task}
    config = from_mapping(settings)
    kind, trouble = Task.BINARY, None
    try:
        if task is not None or config.task != "classes" or declared(name, data_root) is not None:
            kind = task_of(config, data_root)
    except DataError as error:  # the classes; the files are looked at all the same
        trouble = str(error)
    with Progress(quiet=quiet) as progress:
        bars: dict[str, Any] = {}

        def show(split: str, done: int, total: int) -> None:
            if split not in bars:
                bars[split] = progress.task(f"checking {name} {split}", total)
            bars[split].update(done)

        report = check_data(name, kind, data_root, show)
    if trouble is not None:  # a fault of dagen.toml, not of each split or file that meets it
        others = [defect for defect in report.defects if defect.problem != trouble]
        report.defects = [Defect("classes", None, trouble), *others]
    console = Console()
    labelled = any(found.labelled for found in report.splits.values())
    about = f"task {kind}; shares in % of labelled pixels" if labelled else "no labels"
    # Not the table's own title, which a narrow table would break into pieces.
    console.print(f"{name}, {about}", style="italic", soft_wrap=True, markup=False, highlight=False)
    table = Table()
    classes = [*kind.classes, "ignore"] if labelled else []
    counted = ["labelled", "instances"] if labelled else []
    figures = ["images", *counted, "smallest", "largest", *classes]
    columns = []
    for found in report.splits.values():
        sizes = ["–" if s is None else f"{s[0]}x{s[1]}" for s in (found.smallest, found.largest)]
        instances = "–" if found.instances is None else str(found.instances)
        shares = [percent(found.share.get(c)) for c in classes]
        counts = [str(found.labelled), instances] if labelled else []
        columns.append([str(found.images), *counts, *sizes, *shares])
    # A row for each figure: no name is cut off in a narrow terminal.
    table.add_column("")
    for split in report.splits:
        table.add_column(split, justify="right")
    for row in zip(figures, *columns, strict=True):
        table.add_row(*row)
    console.print(table)
    faults = _lines(report.defects)
    for fault in faults:
        typer.echo(fault)
    for warned in report.warnings:
        typer.echo(f"{warned.split}: warning: {warned.problem}")
    if not report.ok:
        typer.echo(f"dagen: {len(faults)} defect(s) in {name}.", err=True)
        raise typer.Exit(1)
    console.print("No defect found.")


def _lines(defects: list[Defect]) -> list[str]:
    """A line for each defect; one that concerns several splits as a whole is one line."""
    places: dict[str, list[str]] = {}  # by the rest of the line
    for each in defects:
        rest = f"/{each.file}: {each.problem}" if each.file else f": {each.problem}"
        splits = places.setdefault(rest, [])
        if each.split not in splits:
            splits.append(each.split)
    return [f"{', '.join(splits)}{rest}" for rest, splits in places.items()]


@app.command()
def new(
    path: Annotated[Path, typer.Argument(help="Folder of images, or a COCO file.")],
) -> None:
    """Look at your own images and write a first dagen.toml, which makes them a data set."""
    from dagen.datasets.own.new import write

    file = write(path)
    typer.echo(file.read_text(encoding="utf-8"), nl=False)
    typer.echo(f"\nThis is {file}. Correct it, then: dagen data check {_shown(file.parent)}")


@app.command()
def cache(
    shrink: Annotated[
        str | None,
        typer.Option(help="Evict what was used least recently, down to this size, such as 5GB."),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove every entry.")] = False,
) -> None:
    """Show the cache of decoded images, maps and shards, or make it smaller."""
    import shutil
    from datetime import datetime

    from rich.console import Console
    from rich.filesize import decimal

    from dagen.datasets.loading import cache_eviction
    from dagen.datasets.loading.cache import compiled_folder, default_folder
    from dagen.errors import UsageError

    if clear and shrink is not None:
        raise UsageError("--clear removes everything; leave --shrink out.")
    folder, limit = default_folder(), cache_eviction.limit()
    if clear or shrink is not None:
        most = 0 if shrink is None else cache_eviction.parse(shrink, "--shrink")
        gone = cache_eviction.shrink(folder, most)
        typer.echo(f"Evicted: {len(gone):,} entries, {decimal(sum(e.bytes for e in gone))}.")
    if clear:
        shutil.rmtree(compiled_folder(), ignore_errors=True)
    found = sorted(cache_eviction.entries(folder))
    total = decimal(sum(entry.bytes for entry in found))
    console = Console(highlight=False)
    console.print(f"{folder}: {len(found):,} entries, {total} of {decimal(limit)}.", soft_wrap=True)
    if found:
        first, last = (
            datetime.fromtimestamp(e.used).strftime("%Y-%m-%d") for e in (found[0], found[-1])
        )
        console.print(
            f"Last used between {first} and {last}; {cache_eviction.VARIABLE} sets the limit.",
            soft_wrap=True,
        )
    if code := sum(f.stat().st_size for f in compiled_folder().rglob("*") if f.is_file()):
        console.print(
            f"{compiled_folder()}: {decimal(code)} of compiled networks, outside that limit; "
            "--clear removes them too.",
            soft_wrap=True,
        )


def _shown(folder: Path) -> str:
    """A folder as ``--src`` takes it: with a separator, which a plain name does not have."""
    text = str(folder)
    return text if folder.is_absolute() or "/" in text else f"./{text}"


@app.command(context_settings={"ignore_unknown_options": True})
def get(
    name: DataSet,
    own: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[--OPTION VALUE]...",
            help="Options of this data set, such as --workers 4; a wrong one lists all.",
        ),
    ] = None,
    data_root: options.DataRoot = None,
    quiet: options.Quiet = False,
) -> None:
    """Download a data set to --data-root (or $DAGEN_DATA); resumes where it stopped."""
    from dagen import plugins
    from dagen.datasets.loading import opening
    from dagen.errors import UsageError
    from dagen.parameters import build_config
    from dagen.system.progress import Progress

    if name.startswith("-"):
        raise UsageError(f"{name} comes before the data set's name; write the name first.")
    found = plugins.get("datasets", name)
    if found.Download is None:
        known = [n for n in plugins.names("datasets") if plugins.get("datasets", n).Download]
        raise UsageError(
            f"'{name}' cannot be downloaded: {opening.how_to_get(name)}. These can be: "
            f"{', '.join(known)}."
        )
    download = build_config(found.Download, _given(own or []), name, text=True)
    folder = opening.place(name, data_root)
    with Progress(quiet=quiet) as progress:
        bars: list[Any] = []

        def show(done: int, total: int) -> None:
            if not bars:
                bars.append(progress.task(f"downloading {name}", total))
            bars[0].update(done)

        summary = download.run(folder, show)
    typer.echo(f"Images: {summary.fetched} downloaded, {summary.present} already there.")
    for failure in summary.failures:
        typer.echo(f"{failure.file}: {failure.reason}", err=True)
    if summary.failures:
        typer.echo(
            f"dagen: {len(summary.failures)} of {summary.total} images are missing; run the "
            "command again later, it resumes where it stopped.",
            err=True,
        )
        raise typer.Exit(1)
    typer.echo(f"{name} is in {folder}; check it with: dagen data check {name}")


def _given(words: list[str]) -> dict[str, str]:
    """Options by name from ``--name value`` and ``--name=value``.

    Raises:
        UsageError: a word is neither.
    """
    from dagen.errors import UsageError

    values: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        option, equals, value = word.partition("=")
        if not option.startswith("--"):
            raise UsageError(f"'{word}' is not an option; write --name value.")
        if not equals:
            value = next(rest, "")
        if not value:
            raise UsageError(f"{option} needs a value.")
        values[option[2:].replace("-", "_")] = value
    return values
