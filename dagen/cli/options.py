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
Candidates = Annotated[
    int | None,
    typer.Option(help="Checkpoints to choose from; 1 keeps the last alone and judges nothing."),
]
Select = Annotated[
    str | None,
    typer.Option(help="Which of them is deployed: last, or a validator's (dagen list validators)."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress display.")]
