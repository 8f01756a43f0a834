"""Strategies, networks, losses, data sets, validators and maps are found by listing their folders.

The file's name is the plug-in's name: ``methods/advent.py`` is ``--method advent`` (an
underscore in the file is a hyphen on the command line). A file whose name starts with an
underscore, and ``base.py``, are not plug-ins. Other packages add theirs through the entry points
``dagen.methods``, ``dagen.models``, ``dagen.losses``, ``dagen.datasets``, ``dagen.validators`` and
``dagen.maps``.
"""

import ast
import importlib
import inspect
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal, NamedTuple

from dagen.errors import UsageError, unknown

Kind = Literal["methods", "models", "losses", "datasets", "validators", "maps"]


class _Shelf(NamedTuple):
    package: str
    base: str
    singular: str


_SHELVES: dict[Kind, _Shelf] = {
    "methods": _Shelf("dagen.methods", "Method", "method"),
    "models": _Shelf("dagen.models", "Network", "network"),
    "losses": _Shelf("dagen.criteria", "Loss", "loss"),
    "datasets": _Shelf("dagen.datasets", "Dataset", "data set"),
    "validators": _Shelf("dagen.validators", "Validator", "validator"),
    "maps": _Shelf("dagen.datasets.maps", "Map", "kind of map"),
}


def _files(kind: Kind) -> dict[str, Path]:
    folder = Path(__file__).parent.joinpath(*_SHELVES[kind].package.split(".")[1:])
    return {
        path.stem.replace("_", "-"): path
        for path in sorted(folder.glob("*.py"))
        if path.stem != "base" and not path.stem.startswith("_")
    }


@cache
def _outside(kind: Kind) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"dagen.{kind}")}


def names(kind: Kind) -> list[str]:
    """Every plug-in of ``kind`` by name, sorted; imports none of them."""
    return sorted({*_files(kind), *_outside(kind)})


@cache
def get(kind: Kind, name: str) -> type[Any]:
    """The class behind a name.

    Raises:
        UsageError: there is no such name (the nearest one is named), or its file does not
            hold exactly one public class of its kind.
    """
    shelf = _SHELVES[kind]
    if name in (files := _files(kind)):
        module = importlib.import_module(f"{shelf.package}.{files[name].stem}")
        base = getattr(importlib.import_module(f"{shelf.package}.base"), shelf.base)
        found = [
            value
            for key, value in vars(module).items()
            if inspect.isclass(value)
            and issubclass(value, base)
            and value.__module__ == module.__name__
            and not key.startswith("_")
        ]
        if len(found) != 1:
            raise UsageError(
                f"{files[name].name} must hold exactly one public {shelf.base}, not {len(found)}."
            )
        return found[0]
    if name in (outside := _outside(kind)):
        loaded: type[Any] = outside[name].load()
        return loaded
    raise unknown(shelf.singular, name, names(kind))


def summary(kind: Kind, name: str) -> str:
    """The first line of a plug-in's module docstring; reads the file, imports nothing."""
    if name in (files := _files(kind)):
        text = ast.get_docstring(ast.parse(files[name].read_text(encoding="utf-8"))) or ""
    else:
        text = inspect.getdoc(get(kind, name)) or ""
    return text.strip().split("\n", 1)[0]
