"""``dagen profile``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(profile)


def profile(
    model: Annotated[str, typer.Argument(help="A network's name, or a deployed or exported file.")],
    size: Annotated[
        str | None,
        typer.Option(help="Height x width; otherwise the file's own, and 224x448 for a name."),
    ] = None,
    width: Annotated[float, typer.Option(help="Multiplies the channels; for a name only.")] = 1.0,
    task: Annotated[str, typer.Option(help="material or binary; for a name only.")] = "material",
    enforce_cap: Annotated[
        bool, typer.Option("--enforce-cap", help="Refuse more than 10,000,000 bytes.")
    ] = False,
    threads: Annotated[
        int | None, typer.Option(help="Threads that compute; otherwise one for each core.")
    ] = None,
) -> None:
    """Parameters, MACs, FLOPs (2 per MAC), bytes as deployed, and latency on this machine."""
    from rich.console import Console
    from rich.table import Table

    from dagen.api import networks
    from dagen.deploy.hub.locating import located
    from dagen.models.deployed.file import read_card

    file = located(model)
    shape = networks.input_size(file, size)
    found = networks.profile(
        file, size=size, width=width, task=task, enforce_cap=enforce_cap, threads=threads
    )
    table = Table(title=f"{model} at {shape[0]}x{shape[1]}")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_row("parameters", f"{found.parameters:,}")
    table.add_row("MACs", f"{found.macs:,}")
    table.add_row("FLOPs (2 per MAC)", f"{found.flops:,}")
    table.add_row("bytes as deployed", f"{found.bytes:,}")
    table.add_row("latency here: median", f"{found.latency_ms:.2f} ms")
    table.add_row(f"95 % of {found.runs} runs below", f"{found.p95_ms:.2f} ms")
    table.add_row("runtime", found.runtime)
    table.add_row("threads", str(found.threads))
    if str(file).endswith(".safetensors"):
        weights = read_card(Path(file)).weights
        table.add_row("SHA-256 of the weights", weights or "none (written by version 0.1)")
    Console().print(table)
