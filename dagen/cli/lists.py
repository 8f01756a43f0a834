"""``dagen list``: what there is."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

import typer

app = typer.Typer(help="List strategies, networks and data sets.", no_args_is_help=True)


@app.command()
def methods() -> None:
    """Every strategy: its paper, its family, what it needs, its parameters."""
    from rich.markup import escape

    from dagen import plugins

    console, table = _table("method", "what it is", "family", "paper", "needs", "parameters")
    for name in plugins.names("methods"):
        method = plugins.get("methods", name)
        needs = [*sorted(method.streams), *method.requires]
        needs += ["checkpoint"] if method.needs_checkpoint else []
        parameters = [f"{f.name}={_default(f)}" for f in fields(method.Config)]
        table.add_row(
            name,
            escape(plugins.summary("methods", name)),
            method.family,
            method.paper,
            ", ".join(needs),
            escape("\n".join(parameters)),
        )
    console.print(table)


@app.command()
def models() -> None:
    """Every network with its parameters, MACs and bytes at 224x448, five classes."""
    from dagen import plugins
    from dagen.deploy.measure import profile

    console, table = _table("model", "what it is", "parameters", "GMAC", "bytes")
    for name in plugins.names("models"):
        found = profile(plugins.get("models", name)(5).eval(), (224, 448), latency=False)
        table.add_row(
            name,
            plugins.summary("models", name),
            f"{found.parameters:,}",
            f"{found.macs / 1e9:.3f}",
            f"{found.bytes:,}",
        )
    console.print(table)


@app.command()
def datasets() -> None:
    """Every data set with its splits and tasks."""
    from dagen import plugins

    console, table = _table("data set", "what it is", "splits", "tasks")
    for name in plugins.names("datasets"):
        found = plugins.get("datasets", name)
        table.add_row(
            name,
            plugins.summary("datasets", name),
            ", ".join(found.splits),
            ", ".join(found.tasks),
        )
    console.print(table)


def _table(*columns: str) -> tuple[Any, Any]:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_lines=True)
    for column in columns:
        table.add_column(column, overflow="fold")
    return Console(), table


def _default(field: Any) -> str:
    if field.default is not MISSING:
        return repr(field.default)
    return repr(field.default_factory()) if field.default_factory is not MISSING else "required"
