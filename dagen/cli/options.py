"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", help="Folder of all data sets; otherwise $DAGEN_DATA."),
]
Runs = Annotated[Path, typer.Option("--runs", help="Folder of all runs and of the MLflow store.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress display.")]
