"""``dagen visualize``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dagen.cli import options

if TYPE_CHECKING:
    from dagen.visualization.gallery import Gallery


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(visualize)


def visualize(
    networks: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN_OR_CKPT...",
            help="Folders of finished runs or deployed files, such as source-only and adapted.",
        ),
    ],
    src: Annotated[
        str | None, typer.Option(help="Source data set; otherwise the last run's.")
    ] = None,
    tgt: Annotated[
        str | None, typer.Option(help="Target data set; otherwise the last run's.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder; otherwise visualize/ beside the last network.")
    ] = None,
    split: Annotated[str, typer.Option(help="Split of both data sets.")] = "val",
    points: Annotated[int, typer.Option(help="Points on the feature map, in all.")] = 6000,
    images: Annotated[
        int, typer.Option(min=0, help="Most images of each data set; 0 means all.")
    ] = 200,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="Seed of the draw, the folds and the map.")
    ] = 0,
    data_root: options.DataRoot = None,
    device: options.Device = "auto",
    no_track: options.NoTrack = False,
    quiet: options.Quiet = False,
) -> None:
    """Show what networks have learned: feature map, distances, failures, calibration, curves.

    Name several networks of one kind to compare them, the one before adaptation first. Of a target
    without labels, the map shows the domains alone.
    """
    from dagen.api import pictures

    gallery = pictures.visualize(
        networks, src=src, tgt=tgt, out=out, split=split, points=points, images=images or None,
        seed=seed, data_root=data_root, device=device, track=not no_track, quiet=quiet,
    )  # fmt: skip
    _show(gallery)


def _show(gallery: Gallery) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from dagen.visualization.distance_table import rows

    console = Console()
    table = Table(title="Distance of the domains in feature space", title_justify="left")
    table.add_column("")
    for title in gallery.titles:
        table.add_column(escape(title), justify="right")
    changed = len(gallery.titles) > 1
    if changed:
        table.add_column("change", justify="right")
    for row in rows(gallery.distances):
        table.add_row(row.title, *row.cells, *([row.change] if changed else []))
    console.print(table)
    if gallery.remark is not None:
        console.print(gallery.remark, soft_wrap=True, markup=False)
    console.print(f"Interactive map: {gallery.folder / 'map.html'}", soft_wrap=True, markup=False)
    console.print(
        f"{len(gallery.files)} files in {gallery.folder}: "
        + ", ".join(file.name for file in gallery.files),
        soft_wrap=True,
        markup=False,
    )
    for run in gallery.logged:
        console.print(f"Added to the log of {run}", soft_wrap=True, markup=False)
