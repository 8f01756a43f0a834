"""``dagen teacher``: list, get and show teachers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dagen.cli import options

app = typer.Typer(
    help="List, get and show teachers: what --method teacher learns from.", no_args_is_help=True
)


@app.command("list")
def list_() -> None:
    """Every known teacher: size, licence, training data, and whether it is on this machine."""
    from rich.console import Console
    from rich.table import Table

    from dagen import plugins
    from dagen.datasets.maps.teachers import known

    console = Console()
    for name, teacher in known.all_known().items():
        table = Table.grid(padding=(0, 2))
        found = known.find(teacher)
        for key, value in (
            ("what", teacher.title),
            ("paper", teacher.paper),
            ("size", f"{teacher.bytes:,} bytes, {teacher.gmac} GMAC an image"),
            ("licence", teacher.licence),
            ("trained on", teacher.trained_on),
            ("SHA-256", teacher.sha256),
            ("here", str(found) if found else f"no; run `dagen teacher get {name}`"),
        ):
            table.add_row(key, value)
        console.print(name, style="bold")
        console.print(table)
    console.print(
        f"Without a file: {', '.join(plugins.names('maps'))}. An ONNX file, a folder of maps, a "
        "deployed file and run:NAME are teachers too. named:TEACHER names a teacher's regions, by "
        "a probe that is learnt from the source's labels.",
        soft_wrap=True,
    )


@app.command()
def get(
    name: Annotated[str, typer.Argument(help="A known teacher; see `dagen teacher list`.")],
) -> None:
    """Fetch a known teacher's file to $DAGEN_TEACHERS (or the user's cache), and check it."""
    from dagen.datasets.maps.teachers import known

    typer.echo(f"{name} is {known.get(known.known(name))}; its size and SHA-256 are right.")


@app.command()
def show(
    data: Annotated[str, typer.Argument(help="Data set of photographs.")],
    maps: Annotated[str, typer.Option(help="Teachers with commas, such as u2netp,other.onnx.")],
    split: Annotated[str, typer.Option(help="Split of the data set.")] = "train",
    task: Annotated[
        str, typer.Option(help="Task of a teacher that is a network, or after named:.")
    ] = "binary",
    src: Annotated[
        str | None, typer.Option(help="Data set whose labels name regions (named:TEACHER).")
    ] = None,
    words: Annotated[
        Path | None,
        typer.Option(
            help="TOML file, such as a run's, whose table [teacher.words] has categories of "
            "ImageNet for classes (named:TEACHER)."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the sheets and maps.csv.")] = Path("maps"),
    runs: options.Runs = Path("runs"),
    data_root: options.DataRoot = None,
    quiet: options.Quiet = False,
) -> None:
    """Draw the maps of photographs, and flag those on which a teacher is likely wrong.

    No label is opened. With several teachers a photograph is flagged where their objects differ;
    with one, where it answers otherwise when the photograph is mirrored.
    """
    from rich.console import Console

    from dagen.api import teachers

    report = teachers.show(
        data, [name.strip() for name in maps.split(",") if name.strip()], split=split, task=task,
        src=src, words=None if words is None else _words(words), out=out, runs=runs,
        data_root=data_root, quiet=quiet,
    )  # fmt: skip
    console = Console()
    for line in report.lines():
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def _words(file: Path) -> dict[str, Any]:
    """The table ``[teacher.words]`` of a TOML file.

    Raises:
        UsageError: the file cannot be read, or has no such table.
    """
    from dagen.errors import UsageError
    from dagen.runs.reading import read_toml

    part = read_toml(file).get("teacher")
    found = part.get("words") if isinstance(part, dict) else None
    if not isinstance(found, dict) or not found:
        raise UsageError(
            f"{file} has no table [teacher.words]; write one, such as "
            '[teacher.words] with bottle = ["water bottle", "pop bottle"].'
        )
    return found
