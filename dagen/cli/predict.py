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
    """Segment images: writes a mask of class ids (PNG) and an overlay for each.

    Pictures are never overwritten; masks and overlays of earlier calls are, and are left out of
    what is segmented. Pictures that cannot be read are listed at the end (exit code 1).
    """
    from dagen.api import networks
    from dagen.scoring.prediction import NotSegmented

    failures: list[str] = []
    try:
        written = networks.predict(model, images, out, size=size, device=device, quiet=quiet)
    except NotSegmented as error:
        written, failures = error.written, error.failures
    typer.echo(f"{len(written)} image(s) segmented; masks and overlays are in {out}.")
    for failure in failures:
        typer.echo(failure, err=True)
    if failures:
        typer.echo(f"dagen: {len(failures)} image(s) could not be segmented.", err=True)
        raise typer.Exit(1)
