"""``dagen list``: all plug-ins and recipes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dagen.plugins import Kind

app = typer.Typer(
    help="List settings, strategies, recipes, networks, losses, augmentations, data sets and "
    "validators.",
    no_args_is_help=True,
)
Family = Annotated[str | None, typer.Option(help="Only this family, such as adversarial.")]


@app.command()
def methods(family: Family = None) -> None:
    """Every strategy: its paper, its family, what it needs, its parameters."""
    from typing import get_args

    from dagen import plugins
    from dagen.errors import unknown
    from dagen.methods import base
    from dagen.runs import recipes

    if family is not None and family not in get_args(base.Family):
        raise unknown("family", family, get_args(base.Family))
    found = {name: plugins.get("methods", name) for name in plugins.names("methods")}
    for each in get_args(base.Family):
        own = {name: method for name, method in found.items() if method.family == each}
        if own and family in (None, each):
            _sheet(each, {name: _strategy(name, method) for name, method in own.items()})
    typer.echo(
        f"Recipes, for --method too: {', '.join(recipes.all_recipes())}; see `dagen list recipes`."
    )


@app.command("recipes")
def recipes_() -> None:
    """Every named stack: its strategies and settings, and the reasons."""
    from dagen.runs.recipes import all_recipes

    rows = {
        name: [
            recipe.description,
            "  ".join(_settings(recipe.settings)),
            *(f"{model}: {'  '.join(_plain(own))}" for model, own in recipe.networks.items()),
            recipe.why.strip(),
        ]
        for name, recipe in all_recipes().items()
    }
    _sheet("recipes", rows)


@app.command()
def models() -> None:
    """Every network with its parameters, MACs and bytes at 224x448, five classes."""
    from dagen.models.deployed.cost import profile

    def row(_: str, network: Any) -> list[str]:
        found = profile(network(5).eval(), (224, 448), latency=False)
        return [f"{found.parameters:,}", f"{found.macs / 1e9:.3f}", f"{found.bytes:,}"]

    _table("models", "model", ("parameters", "GMAC", "bytes"), row)


@app.command()
def losses() -> None:
    """Every loss of labelled images (--loss), its paper and its parameters (--set loss.gamma=3)."""
    from dagen import plugins
    from dagen.criteria.base import parameters

    rows = {
        name: [
            plugins.summary("losses", name),
            f"paper: {plugins.get('losses', name).paper or 'none'}",
            "  ".join(f"{key}={value!r}" for key, value in parameters(name).items()),
        ]
        for name in plugins.names("losses")
    }
    _sheet("losses", rows)
    typer.echo("A sum: --loss focal+dice --set loss.focal.gamma=3 --set loss.dice.factor=0.5")


@app.command()
def augmentations() -> None:
    """Every named pipeline of changes of training images (--set augment=NAME)."""
    from dagen.datasets.loading.pipelines import descriptions, expanded

    rows = {
        name: [told, *(_transform(one) for one in expanded(name) if not isinstance(one, str))]
        for name, told in descriptions().items()
    }
    _sheet("augmentations", rows)
    typer.echo("Your own, of albumentations' transforms: [augment] in a file; see the site.")


def _transform(entry: Mapping[str, Any]) -> str:
    """A transform as a call."""
    given = ", ".join(f"{key}={value!r}" for key, value in entry.items() if key != "name")
    return f"{entry['name']}({given})"


@app.command()
def datasets() -> None:
    """Every data set with its splits and tasks, and how to get it."""
    from dagen.datasets.loading.opening import how_to_get

    def row(name: str, dataset: Any) -> list[str]:
        tasks = ", ".join([*map(str, dataset.tasks), "classes"])
        return [", ".join(dataset.splits), tasks, how_to_get(name)]

    _table("datasets", "data set", ("splits", "tasks", "how to get it"), row)


@app.command()
def validators() -> None:
    """Every validator: how a checkpoint is chosen without target labels (--select)."""

    def row(_: str, validator: Any) -> list[str]:
        return [validator.paper, ", ".join(sorted(validator.domains))]

    _table("validators", "validator", ("paper", "uses"), row)


@app.command()
def settings() -> None:
    """Every setting of a run, and every key of a benchmark's file, with examples."""
    from dagen.benchmarking import keys as grid
    from dagen.runs import keys

    rows = {
        key.name: [_words(key.text), f"{key.kind}, default {key.default}"] for key in keys.of_runs()
    }
    _sheet("settings of a run: in a file for --config, in --set key=value, in Python", rows)
    _head("an example for --config")
    typer.echo(keys.EXAMPLE)  # as it is: a line that the terminal breaks is no TOML
    _sheet(
        "keys of a benchmark's file",
        {name: [_words(text)] for name, text in grid.FILE.items()},
    )
    _sheet("what a [[row]] may say", {name: [_words(text)] for name, text in grid.ROW.items()})
    typer.echo(_words(grid.BUDGETS))
    typer.echo("`dagen benchmark new NAME` writes a file with an example of each.")


def _words(text: str) -> str:
    """Text of a docstring for a terminal."""
    return text.replace("``", "")


def _strategy(name: str, method: Any) -> list[str]:
    """Lines that describe a strategy."""
    from dagen import plugins
    from dagen.runs.keys import default

    parameters = "  ".join(f"{f.name}={default(f)}" for f in fields(method.Config))
    return [
        plugins.summary("methods", name),
        f"paper: {method.paper}",
        f"needs: {', '.join(_needs(name)) or 'nothing'}",
        parameters,
    ]


def _sheet(title: str, entries: Mapping[str, list[str]]) -> None:
    """Print names on the left and their lines on the right; readable at any width."""
    from rich.console import Console, Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for name, (first, *more) in entries.items():
        rest = [Text(line, style="dim") for line in more if line]
        grid.add_row(name, Padding(Group(Text(first), *rest), (0, 0, 1, 0)))
    _head(title)
    Console().print(grid)


def _head(title: str) -> None:
    """Print the title of a sheet as it is: ``[[row]]`` is no markup."""
    from rich.console import Console
    from rich.text import Text

    Console().print(Text(title, style="bold underline"))


def _needs(name: str) -> list[str]:
    """The data that a run with this strategy needs; source images come with labels."""
    from dagen import plugins
    from dagen.runs.parts import resolve

    parts = [plugins.get("methods", part) for part in resolve([name])]
    streams = {domain for part in parts for domain in part.streams}
    needs = ["source", "source labels"] if "source" in streams else []
    needs += ["target"] if "target" in streams else []
    needs += ["checkpoint"] if any(part.needs_checkpoint for part in parts) else []
    return [*needs, *(f"part {part}" for part in plugins.get("methods", name).requires)]


def _settings(settings: Mapping[str, Any]) -> list[str]:
    """A recipe's settings as on a command line."""
    parts = settings.get("parts", {})
    lines = [f"method={','.join(settings['method'])}"]
    lines += _plain({k: v for k, v in settings.items() if k not in ("method", "parts")})
    return lines + [f"{part}.{k}={v!r}" for part, own in parts.items() for k, v in own.items()]


def _plain(settings: Mapping[str, Any]) -> list[str]:
    return [f"{k}={v!r}" for k, v in settings.items()]


def _table(
    kind: Kind, head: str, columns: Sequence[str], row: Callable[[str, Any], list[str]]
) -> None:
    """Print a line for each plug-in of a kind: its name, its summary, then the cells of ``row``."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from dagen import plugins

    table = Table(show_lines=True)
    for column in (head, "what it is", *columns):
        table.add_column(column, overflow="fold")
    for name in plugins.names(kind):
        cells = [name, plugins.summary(kind, name), *row(name, plugins.get(kind, name))]
        table.add_row(*map(escape, cells))
    Console().print(table)
