"""Named stacks: ``--method best`` means the strategies and settings in ``recipes.toml``.

A name is replaced by its strategies and settings when a configuration is made; a recipe may add
settings for single networks. Settings given beside the name take precedence. The run is identified
by the resolved settings; the name is only a tag in MLflow.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from dagen import plugins
from dagen.errors import UsageError, unknown


@dataclass(frozen=True)
class Recipe:
    """A named stack.

    Attributes:
        description: description in one line.
        why: reasons for these strategies and settings.
        settings: fields of the configuration, including ``method``.
        networks: settings by network that override those; never a method.
    """

    description: str
    why: str
    settings: Mapping[str, Any]
    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def settings_for(self, model: str) -> dict[str, Any]:
        """The settings of a run with this network."""
        return {**self.settings, **self.networks.get(model, {})}


@cache
def all_recipes() -> dict[str, Recipe]:
    """Every recipe by its name."""
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    return {name: Recipe(**values) for name, values in tomllib.loads(text).items()}


def expand(values: Mapping[str, Any], model: str) -> tuple[dict[str, Any], str | None]:
    """Settings in which the recipe in ``method`` is replaced by its strategies and settings.

    Args:
        values: settings; ``method``, if present, is a sequence of names. The strategies of a recipe
            replace its name, other names stay.
        model: the network, if ``values`` name none.

    Returns:
        The settings, and the recipe's name if there was one.

    Raises:
        UsageError: ``method`` has two recipes.
    """
    names = list(values.get("method", ()))
    found = [name for name in names if name in all_recipes()]
    if not found:
        return dict(values), None
    if len(found) > 1:
        raise UsageError(
            f"{' and '.join(found)} are recipes; name only one, with further strategies if needed."
        )
    settings = all_recipes()[found[0]].settings_for(values.get("model", model))
    own, given = settings.get("parts", {}), values.get("parts", {})
    parts = {
        part: {**own.get(part, {}), **given.get(part, {})} for part in dict.fromkeys([*own, *given])
    }
    expanded = {**settings, **values, "method": strategies(names)}
    return {**expanded, "parts": parts} if parts else expanded, found[0]


def strategies(names: Sequence[str]) -> list[str]:
    """The strategies behind names of strategies and recipes, in order."""
    known = all_recipes()
    return [one for n in names for one in (known[n].settings["method"] if n in known else [n])]


def check(names: Sequence[str]) -> None:
    """Refuse names that are neither a strategy nor a recipe.

    Raises:
        UsageError: there is one; the message suggests the nearest name of both kinds.
    """
    known = {*plugins.names("methods"), *all_recipes()}
    for name in names:
        if name not in known:
            raise unknown("method or recipe", name, known)
