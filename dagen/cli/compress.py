"""``dagen compress``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dagen.cli import options
from dagen.errors import UsageError, short

if TYPE_CHECKING:
    from dagen.api.compressing import Compressed


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(compress)


def compress(
    model: options.Finished,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder of the files; else compressed/ beside the model."),
    ] = None,
    cap: Annotated[int, typer.Option(help="Most bytes of the chosen file.")] = 10_000_000,
    max_drop: Annotated[
        float, typer.Option(help="Most points of agreement that the chosen file may lose.")
    ] = 1.0,
    sizes: Annotated[
        str | None,
        typer.Option(help="Inputs to try, such as 224x448,112x224; else its own, 3/4 and 1/2."),
    ] = None,
    precisions: Annotated[str, typer.Option(help="Some of them.")] = "float32,fp16,int8",
    formats: Annotated[
        str | None, typer.Option(help="onnx, openvino or both; else those that are installed.")
    ] = None,
    prune: Annotated[
        str | None,
        typer.Option(help="Shares of the MACs that stay in pruned networks, as 0.7,0.5."),
    ] = None,
    widths: Annotated[
        str | None, typer.Option(help="Widths at which its run is repeated, as 0.75,0.5.")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            help="Training steps of each pruned network; 0 does not train.",
            show_default="a quarter of its run",
        ),
    ] = None,
    calibrate: Annotated[
        str | None,
        typer.Option(help="Data set of unlabelled training images; otherwise the run's target."),
    ] = None,
    score: Annotated[
        str | None,
        typer.Option(help="Also score every file on this data set; it decides nothing."),
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads that compute.")] = 1,
    licence: Annotated[str | None, typer.Option(help="Licence of the weights.")] = None,
    runs: options.Runs = Path("runs"),
    data_root: options.DataRoot = None,
    no_track: options.NoTrack = False,
    experiment: Annotated[str, typer.Option(help="MLflow experiment.")] = "dagen",
    quiet: options.Quiet = False,
) -> None:
    """Try smaller files of a network, and choose the fastest within both limits.

    Each precision, input size and format is exported and measured. No label decides: the loss is
    that of the agreement with the PyTorch network on unlabelled training images. If no file is
    within the limits, the exit code is 1. The same command resumes what was stopped.
    """
    from dagen.api import compressing

    found = compressing.compress(
        model,
        out,
        cap=cap,
        max_drop=max_drop,
        sizes=None if sizes is None else sizes.split(","),
        precisions=precisions.split(","),
        formats=None if formats is None else formats.split(","),
        prune=_numbers("--prune", prune),
        widths=_numbers("--widths", widths),
        steps=steps,
        calibrate=calibrate,
        score=score,
        threads=threads,
        licence=licence,
        runs=runs,
        data_root=data_root,
        track=not no_track,
        experiment=experiment,
        quiet=quiet,
    )
    _show(found, cap, max_drop)
    if found.chosen is None:
        raise typer.Exit(1)


def _numbers(option: str, text: str | None) -> list[float]:
    try:
        return [] if text is None else [float(each) for each in text.split(",")]
    except ValueError:
        raise UsageError(
            f"{option} is '{short(text)}'; give numbers with commas, such as 0.7,0.5."
        ) from None


def _show(found: Compressed, cap: int, max_drop: float) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from dagen.deploy.compression.telling import TEXTS, rows

    whole = found.found
    title = f"Loss of agreement in points, on {whole.told}; {whole.threads} thread(s)"
    # Narrow: no figure may be cut at 80 columns.
    table = Table(title=title, box=box.SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    heads, cells = rows(whole.tried, whole.front, whole.title)
    for name in heads:
        table.add_column(name, justify="left" if name in TEXTS else "right", overflow="fold")
    for row in cells:
        table.add_row(*row)
    Console().print(table)
    typer.echo(f"The table, the figure and all files are in {found.table.parent}.")
    if found.chosen is None:
        typer.echo(f"dagen: no file has at most {cap:,} bytes and {max_drop:g} points.", err=True)
    else:
        typer.echo(f"The fastest within {cap:,} bytes and {max_drop:g} points: {found.chosen.file}")
    for failure in whole.failures:
        typer.echo(failure, err=True)
