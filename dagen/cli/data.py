"""``dagen data``: check a data set, get one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from dagen.cli import options

app = typer.Typer(help="Check and get data sets.", no_args_is_help=True)
