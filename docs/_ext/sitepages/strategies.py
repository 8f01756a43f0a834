"""A page for each strategy, and the page that leads to them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields as fields_of
from typing import Any, get_args

from dagen import plugins
from dagen.methods.base import Family, Method
from dagen.runs.parts import resolve
from dagen.runs.recipes import all_recipes
from dagen.types import Task
from sitepages import docstrings
from sitepages.results import SCORE, Line, Results, lines
from sitepages.tables import of_lines
from sitepages.writing import Site, fields, indent, page, plain, raw, rows, title, toctree

_FOLDER = "strategies"
_KINDS = {
    "Fraction": "From 0 to 1",
    "Positive": "A number above 0",
    "NotNegative": "A number, 0 or above",
    "Count": "A whole number, 1 or above",
    "Steps": "Steps, 0 or more",
    "bool": "True or false",
    "int": "A whole number",
}
"""The types of :mod:`dagen.parameters` in words; what is not here is described by its text."""


def write(site: Site, results: list[Results]) -> None:
    """Write every strategy's page and the index."""
    advice = tomllib.loads((site.root / "when.toml").read_text(encoding="utf-8"))
    every = list(lines(results))
    names = plugins.names("methods")
    for name in names:
        site.write(f"{_FOLDER}/{name}.rst", _page(name, advice, every))
    site.write(f"{_FOLDER}/index.rst", _index(names, advice))


def _page(name: str, advice: dict[str, Any], every: list[Line]) -> str:
    method = plugins.get("methods", name)
    told = docstrings.told(method.__module__, name)
    described = docstrings.parameters(method.Config)
    found = docstrings.formulas(told.body)
    boxes = "".join(f"<p>{docstrings.typeset(formula)}</p>" for formula in found)
    facts = [
        ("Name", f"``{name}``"),
        ("Family", method.family),
        ("Paper", method.paper or "–"),
        ("Needs", _needs(name)),
        ("Tasks", _tasks(method)),
        ("Run it", f"``{_command(name)}``"),
    ]
    about = [advice["strategy"].get(name, ""), advice["family"].get(method.family, "")]
    return page(
        f".. _strategy-{name}:",
        title(told.title),
        f".. rst-class:: lead\n\n{told.without(method.paper)}",
        fields(facts),
        title("When to use it", "-"),
        *about,
        title("How it works", "-"),
        f".. py:module:: {method.__module__}",
        told.body,
        raw(f'<div class="formula" role="group" aria-label="Formulas">{boxes}</div>')
        if found
        else "",
        title("Parameters", "-"),
        parameter_table(described, name),
        title("Results", "-"),
        _results(name, every),
        title("In Python", "-"),
        f".. autoclass:: {method.__module__}.{method.__name__}\n   :show-inheritance:",
    )


def parameter_table(described: list[docstrings.Parameter], name: str) -> str:
    """Parameters with kind, default and meaning."""
    if not described:
        return "It has none."
    table = rows(
        ("parameter", "default", "what it is"),
        [(f"``{p.name}``", f"``{p.default}``", _meaning(p)) for p in described],
        "20 20 60",
    )
    return f"Set one with ``--set {name}.{described[0].name}=...``.\n\n{table}"


def _meaning(parameter: docstrings.Parameter) -> str:
    if parameter.kind.startswith("Literal["):
        values = parameter.kind.removeprefix("Literal[").removesuffix("]").split(", ")
        return f"{parameter.text}\n\n*One of* {', '.join(f'``{v}``' for v in values)}."
    kind = _KINDS.get(parameter.kind)
    return f"{parameter.text}\n\n*{kind}.*" if kind else parameter.text


def _needs(name: str) -> str:
    parts = [plugins.get("methods", part) for part in resolve([name])]
    streams = {domain for part in parts for domain in part.streams}
    needs = ["source images and labels"] if "source" in streams else []
    needs += ["target images"] if "target" in streams else []
    needs += ["a trained network"] if any(part.needs_checkpoint for part in parts) else []
    own = plugins.get("methods", name)
    needs += [f":ref:`{part} <strategy-{part}>`" for part in own.requires]
    return ", ".join(needs)


def _command(name: str) -> str:
    method = plugins.get("methods", name)
    parts = [plugins.get("methods", part) for part in resolve([name])]
    init = " --init model.safetensors" if any(part.needs_checkpoint for part in parts) else ""
    if name == "supervised":
        return "dagen train --src resortit"
    asks = "".join(f" --set {name}.{field}=RUN" for field in _asked(method))
    if method.pretrains:
        return f"dagen pretrain --src resortit --tgt taco --method {name}"
    if "target" in {d for part in parts for d in part.streams} or method.online:
        return f"dagen adapt --src resortit --tgt taco --method {name}{init}{asks}"
    return f"dagen train --src resortit --score taco --method {name}{asks}"


def _asked(method: type[Method]) -> list[str]:
    """The parameters that name a trained network and have no default."""
    empty = [field.name for field in fields_of(method.Config) if field.default == ""]
    return empty if "" in method.networks_of(method.Config()) else []


def _results(name: str, every: list[Line]) -> str:
    mine = [line for line in every if name in line.strategies or line.row == name]
    if name == "supervised":
        mine = [line for line in every if not line.strategies]
    if not mine:
        return "Not measured yet: no committed result has a run with this strategy."
    alone = sorted(mine, key=lambda line: (len(line.strategies) > 1, line.results.title))
    caption = f"Runs with {name}; {SCORE}"
    note = (
        "``change`` is in points against source-only of the same table. "
        ":doc:`How these numbers are made </protocol>`."
    )
    return page(raw(of_lines(f"results-{name}", caption, alone, root="../")), note)


def _index(names: list[str], advice: dict[str, Any]) -> str:
    return page(
        ".. _strategies:",
        title("Strategies"),
        ".. rst-class:: lead\n\n"
        f"{len(names)} strategies in {len(get_args(Family))} families. Each is a part, and parts "
        "stack: ``--method photometric,object-paste``.",
        *_families(names, advice),
        title("Recipes", "-"),
        "A recipe is a named stack with its settings. Give its name to ``--method``.",
        *_recipes(),
        toctree(names),
    )


def _families(names: list[str], advice: dict[str, Any]) -> Iterator[str]:
    for family in get_args(Family):
        members = [n for n in names if plugins.get("methods", n).family == family]
        if not members:
            continue
        yield title(family.capitalize(), "-")
        yield advice["family"].get(family, "")
        entries = []
        for name in members:
            method = plugins.get("methods", name)
            told = docstrings.told(method.__module__, name)
            entries.append((f":doc:`{name}`", told.without(method.paper), method.paper))
        yield rows(("strategy", "what it is", "paper"), entries, "20 55 25")


def _written(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"``{key} = {value!r}``" for key, value in settings.items())


def _recipes() -> Iterator[str]:
    for name, recipe in all_recipes().items():
        settings = dict(recipe.settings)
        stack = ", ".join(f":ref:`{one} <strategy-{one}>`" for one in settings.pop("method"))
        others = _written(settings)
        for model, own in recipe.networks.items():
            others += f"; for :doc:`{model} </networks/{model}>` also {_written(own)}"
        head = f"``{name}``\n" + indent(f"{plain(recipe.description)}. {plain(recipe.why.strip())}")
        yield head + "\n\n" + indent(f"Stands for {stack}{'; ' + others if others else ''}.")


def _tasks(method: type[Method]) -> str:
    """The tasks that a strategy serves."""
    street = Task("classes", ("road", "car"), background=False)
    return "any" if method.refuses(street) is None else "any with a background class"
