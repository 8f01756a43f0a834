"""``dagen prune``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dagen.cli import options
from dagen.cli._grouping import grouped

if TYPE_CHECKING:
    from dagen.deploy.pruning.prune import Pruned


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(grouped(prune))


def prune(
    model: options.Finished,
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Pruned file before training; else in pruned/ beside it."),
    ] = None,
    macs: Annotated[float, typer.Option(help="Share of the MACs that stays at most.")] = 0.5,
    steps: Annotated[
        int | None,
        typer.Option(help="Training steps; 0 does not train.", show_default="a quarter of its run"),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Data set of unlabelled training images; otherwise the run's target."),
    ] = None,
    execution: options.Execution,
) -> None:
    """Remove channels from a network, and train what is left by the settings of its run.

    Each layer loses channels alone, and the layers that change the masks of unlabelled training
    images least give up most. The same command resumes what was stopped.
    """
    from dagen.api import pruning
    from dagen.cli._results import result_table, say_if_finished_before

    found = pruning.prune(
        model, out, macs=macs, steps=steps, data=data, runtime=execution.runtime()
    )
    for line in told(found.pruned):
        typer.echo(line)
    if found.result is not None:
        say_if_finished_before(found.result)
        result_table({"pruned": found.result})
    typer.echo(f"The pruned network: {found.model}")


def told(pruned: Pruned) -> list[str]:
    """What is said of a pruned network, in a few lines."""
    share = 100 * pruned.macs / pruned.before
    before, now = (sum(each[k] for each in pruned.kept.values()) for k in (0, 1))
    lines = [
        f"{pruned.file}: {pruned.bytes:,} bytes, {pruned.macs / 1e6:,.1f} of "
        f"{pruned.before / 1e6:,.1f} million MACs ({share:.0f} %).",
        f"{now:,} of {before:,} channels are left in {len(pruned.kept)} of {len(pruned.felt)} "
        f"layers. Before training, that loses {pruned.loss:.2f} points of agreement, on "
        f"{pruned.told} without labels.",
    ]
    if pruned.left:
        lines.append(
            f"Left alone, because other parts of the network need all their channels: "
            f"{', '.join(pruned.left)}."
        )
    return lines
