"""``dagen report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dagen.cli import options


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(report)


def report(
    run: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Names or folders of finished runs, or the hashes at the end of their names.",
        ),
    ],
    runs: options.Runs = Path("runs"),
    out: Annotated[
        Path | None,
        typer.Option(help="The HTML file; else report.html in the last run's folder."),
    ] = None,
    latency: Annotated[
        bool, typer.Option("--latency", help="Measure the networks' latency on this machine now.")
    ] = False,
    no_track: options.NoTrack = False,
) -> None:
    """Write one self-contained page about runs: scores, settings, curves, images, cost.

    The other runs are compared with the first one; a baseline that all share is added.
    """
    from dagen.api import pictures

    page = pictures.report(run, runs=runs, out=out, latency=latency, track=not no_track)
    typer.echo(f"Report: {page.file}")
    for folder in page.logged:
        typer.echo(f"Added to the MLflow run of {folder.name}")
