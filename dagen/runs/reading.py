"""Reads a run's settings from a TOML file, and from ``--set`` and flags, which take precedence.

A setting that flags and ``--set`` give two values is refused: neither is the more particular one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from dagen import plugins
from dagen.errors import UsageError, quoted, short, unknown
from dagen.runs import recipes
from dagen.runs.config import Config, from_mapping
from dagen.runs.values import check_parts, with_augment
from dagen.runs.values import names as names_of
from dagen.system import toml

_ONLY = "method."
"""Key of parameters of the only strategy until its name is known."""
_SAME = {
    "loss.name": "loss",
    "augment.transforms": "augment",
    "augment.mirror": "mirror",
    "augment.random_window": "random_window",
}
"""Keys of tables that are settings with another key."""


def load(
    file: Path | None = None,
    sets: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
    *,
    usual: Mapping[str, Any] | None = None,
    runs: Path | None = None,
) -> Config:
    """The configuration that a command line describes.

    Missing settings come from the deployed file that ``init`` names, itself or as that of a run
    (network, width, task and size), and otherwise have their defaults.

    Args:
        file: a TOML file with the keys of :class:`Config`; a table named after a strategy
            (``[advent]``) has that strategy's parameters.
        sets: texts ``key=value`` with the value in TOML; ``advent.weight=0.01`` sets a strategy's
            parameter, and ``method.weight`` that of the only strategy.
        flags: settings given as flags; None values are left out.
        usual: settings that a command has where nothing else is given.
        runs: folder of all runs, where ``run:NAME`` is looked up; None does not look it up.

    Raises:
        DagenError: ``init`` names a run that is not finished, or a damaged file.
        UsageError: the file is missing or not TOML, a ``key=value`` is malformed, a setting has two
            values, or :func:`dagen.runs.config.from_mapping` refuses the settings.
    """
    given = {} if file is None else with_augment(read_toml(file))
    values: dict[str, Any] = {**(usual or {}), **given}
    nested = [(key, _value(text)) for key, text in map(_split, sets)]
    _check_given_once(nested, flags or {})
    for key, value in nested:
        if "." not in key:
            values[key] = value
    values.update({key: value for key, value in (flags or {}).items() if value is not None})
    for key, value in nested:
        if key.startswith("augment."):
            if key not in _SAME:
                parts = [name.partition(".")[2] for name in _SAME if name.startswith("augment.")]
                raise unknown("key of augment", key.partition(".")[2], parts)
            values[_SAME[key]] = value
        elif "." in key:
            table, name = key.split(".", 1)
            table = _ONLY if table == "method" else table
            if table == "loss" and isinstance(values.get("loss"), str):
                values["loss"] = {"name": values["loss"]}
            if not isinstance(own := values.setdefault(table, {}), dict):
                raise UsageError(
                    f"--set {short(key)}: {short(table)} is {quoted(own)}, which has no parameters."
                )
            own[name] = value
    values = _gather_parts(values)
    return from_mapping({**_of_checkpoint(values, runs), **values})


def _check_given_once(sets: Sequence[tuple[str, Any]], flags: Mapping[str, Any]) -> None:
    """Refuse a setting with two values.

    One key may be repeated, as any option, and the last one counts.

    Raises:
        UsageError: a flag and ``--set``, or two keys of ``--set``, give it different values.
    """
    given = {
        key: (f"--{key.replace('_', '-')}", value)
        for key, value in flags.items()
        if value is not None
    }
    keys, strategies = {key for key, _ in sets}, plugins.names("methods")
    for key, value in sets:
        setting, where = _SAME.get(key, key), f"--set {key}"
        table, _, name = key.partition(".")
        if table in strategies and f"method.{name}" in keys:
            setting = f"method.{name}"
        before, other = given.setdefault(setting, (where, value))
        if before != where and other != value and short(other, 999) != short(value, 999):
            raise UsageError(
                f"{short(setting)} is {quoted(other)} by {short(before)} and {quoted(value)} by "
                f"{short(where)}; leave one of them out."
            )


def _of_checkpoint(values: Mapping[str, Any], runs: Path | None) -> dict[str, Any]:
    """The settings of the deployed file of ``init``, so that ``init`` alone determines the network.

    Where another network is named, its width and options are not those of the file; checks of the
    start then say that the two differ.
    """
    from dagen.models.deployed.file import read_card
    from dagen.runs.results import RUN, located
    from dagen.runs.starts import is_start

    init = values.get("init")
    if not isinstance(init, str) or (runs is None and init.startswith(RUN)):
        return {}
    path = init if runs is None else located(init, runs)
    card = read_card(Path(str(path)))
    settled: dict[str, Any] = {}
    if values.get("model", card.model) == card.model:
        settled |= {"model": card.model, "width": card.width}
        settled |= {"model_options": card.options} if card.options else {}
    if not is_start(card.run):  # a pre-trained network suits any classes
        settled |= {"task": card.task, "size": card.size}
    return settled


def _gather_parts(values: dict[str, Any]) -> dict[str, Any]:
    """Move tables named after strategies to ``parts``; ``method.x`` is the only strategy's."""
    known = {f.name for f in fields(Config)}
    strategies = plugins.names("methods")
    only = values.pop(_ONLY, {})
    tables = {k: v for k, v in values.items() if isinstance(v, dict) and k not in known}
    for name in tables:
        if name not in strategies:
            raise unknown("setting", name, [*known, *strategies])
    check_parts({k: v for k, v in values.items() if k in strategies and k not in known})
    check_parts(values.get("parts", {}))
    parts = {**values.get("parts", {}), **tables}
    if only:
        names = recipes.strategies(names_of("method", values.get("method", ())))
        if len(names) != 1:
            raise UsageError(
                "method.<name>=... needs exactly one method; with a stack write the strategy's "
                "own name, such as advent.weight=0.01."
            )
        parts[names[0]] = {**parts.get(names[0], {}), **only}
    rest = {key: value for key, value in values.items() if key not in tables}
    return {**rest, "parts": parts} if parts else rest


def read_toml(file: Path) -> dict[str, Any]:
    """The keys and tables of a TOML file.

    Raises:
        UsageError: the file is missing or not valid TOML.
    """
    try:
        return toml.read_toml(file)
    except OSError as error:
        reason = error.strerror or "it is no file"
        raise UsageError(f"cannot read {short(file, 200)}: {reason}.") from None
    except ValueError as error:
        raise UsageError(f"{short(file, 200)} is not valid TOML: {error}.") from None


def _split(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise UsageError(f"--set {short(text)}: write key=value, such as lr=0.001.")
    return key.strip(), value.strip()


def _value(text: str) -> Any:
    try:
        found = tomllib.loads(f"x = {text}")
    except (ValueError, RecursionError):
        return text  # a bare word is a string: --set task=binary
    return found["x"] if len(found) == 1 else text  # a second line would be another setting
