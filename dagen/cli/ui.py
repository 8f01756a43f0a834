"""``dagen ui``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dagen.cli import options


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(ui)


def ui(
    runs: options.Runs = Path("runs"),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = 5000,
) -> None:
    """Open the MLflow UI on the runs' store; end it with Ctrl-C."""
    import subprocess

    from dagen.tracking import deliver_pending, ui_command

    deliver_pending(runs)  # what MLflow has missed while it was out of reach
    typer.echo(f"MLflow UI on http://127.0.0.1:{port} (Ctrl-C ends it)")
    raise typer.Exit(subprocess.call(ui_command(runs, port)))
