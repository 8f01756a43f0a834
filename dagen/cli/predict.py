"""``dagen predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dagen.cli import options


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(predict)


def predict(
    model: options.Deployed,
    images: Annotated[Path, typer.Argument(help="An image, or a folder of images.")],
    out: Annotated[Path, typer.Option(help="Folder for masks and overlays.")] = Path("predictions"),
    size: options.Cover = None,
    device: options.Device = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Segment images: writes a mask of class ids (PNG) and an overlay for each."""
    from dagen.api import networks

    written = networks.predict(model, images, out, size=size, device=device, quiet=quiet)
    typer.echo(f"{len(written)} image(s) segmented; masks and overlays are in {out}.")
