"""``dagen evaluate``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from dagen.cli import options


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(evaluate)


def evaluate(
    model: options.Deployed,
    data: Annotated[str, typer.Option(help="Data set to score on.")],
    split: Annotated[str, typer.Option(help="Its split.")] = "val",
    empty: options.Empty = None,
    size: options.Cover = None,
    data_root: options.DataRoot = None,
    device: options.Device = "auto",
    metric: Annotated[
        str, typer.Option(help="starter is the course's old metric, which flatters.")
    ] = "dagen",
    geometry: Annotated[
        str, typer.Option(help="starter is the course's old 224x448 cut of the image.")
    ] = "dagen",
    metric_batch: Annotated[
        int, typer.Option("--metric-batch", min=1, help="Images per batch of that metric.")
    ] = 16,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Score a deployed network, or a teacher, on a data set at the labels' own resolution."""
    from dagen.api import networks
    from dagen.runs import figures

    predictor = networks.load(model, size=size, device=device)
    scores = networks.evaluate(
        predictor,
        data=data,
        split=split,
        empty=empty,
        data_root=data_root,
        quiet=quiet,
        metric=metric,  # type: ignore[arg-type]
        geometry=geometry,  # type: ignore[arg-type]
        metric_batch=metric_batch,
    )
    if as_json:
        typer.echo(json.dumps(scores, indent=2, sort_keys=True))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{model.name} on {data} {split}, IoU in %", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    if metric == "starter":
        table.title = f"{model.name} on {data} {split}, batches of {metric_batch}, in %"
    for name in figures.ordered(predictor.task.name, scores):
        table.add_row(figures.title(name, predictor.task.name), figures.percent(scores[name]))
    console = Console()
    console.print(table)
    if metric == "starter":
        from dagen.scoring.starter import WARNING

        console.print(WARNING, soft_wrap=True)
    if "ece" in scores:
        console.print(figures.ECE, soft_wrap=True)
