"""Values of settings as TOML, a command line or Python give them, checked before pydantic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import PydanticCustomError

from dagen.datasets.loading.pipelines import Augment, expanded
from dagen.errors import UsageError, quoted, short, unknown

MANY = 2**31
"""Counts and seeds are below this number."""


def images(value: object) -> int | str:
    """A number of images, or ``all``."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 11:
        value = int(value)
    if isinstance(value, str) and value == "all":
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MANY:
        return value
    raise PydanticCustomError("images", "write a number of images (0 or more), or all")


def temperature(value: object) -> float | str:
    """A temperature, or ``off``."""
    if isinstance(value, str) and value == "off":
        return "off"
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e300:
        return float(value)
    raise PydanticCustomError("temperature", "write a temperature above 0, such as 0.01, or off")


def names(setting: str, value: object) -> list[str]:
    """A sequence of names from a list, or from text with commas.

    Raises:
        UsageError: it is neither.
    """
    if isinstance(value, str):
        return [name.strip() for name in value.split(",") if name.strip()]
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        return list(value)
    raise UsageError(f"{setting} is {quoted(value)}; write a name, or a list of names.")


def check_parts(parts: object) -> None:
    """Check that ``parts`` has a table of plain values for each strategy.

    Raises:
        UsageError: it has something else.
    """
    if not isinstance(parts, Mapping):
        raise UsageError(
            f"parts is {quoted(parts)}; write a table for each strategy, such as [advent]."
        )
    for name, table in parts.items():
        if not isinstance(table, Mapping):
            raise UsageError(
                f"{short(name)} is {quoted(table)}; write a table of parameters, such as "
                "advent.weight=0.01."
            )
        check_table(name, table)


def augment(value: object) -> Augment:
    """A pipeline's name, names joined by ``+``, or a list of names and transforms."""
    if isinstance(value, str | list | tuple):
        found = value if isinstance(value, str) else tuple(value)
        try:
            expanded(found)
        except UsageError as error:
            raise PydanticCustomError("augment", "{told}", {"told": str(error)}) from None
        return found
    raise PydanticCustomError("augment", "write the name of a pipeline, or a list of transforms")


def with_augment(settings: Mapping[str, object]) -> dict[str, Any]:
    """Settings whose ``augment``, if it is a table, is split into the settings that it holds.

    Raises:
        UsageError: it holds something else, a value that no file can keep, or another value than
            the setting itself has.
    """
    found = dict(settings)
    table = found.get("augment")
    if isinstance(table, Mapping):
        names = {"transforms": "augment", "mirror": "mirror", "random_window": "random_window"}
        for key in table:
            if key not in names:
                raise unknown("key of augment", str(key), names)
            beside = found.get(names[key], table[key]) if key != "transforms" else table[key]
            if beside != table[key]:
                raise UsageError(
                    f"{key} is {quoted(beside)}, and augment.{key} is {quoted(table[key])}; leave "
                    "one of them out."
                )
        del found["augment"]
        found |= {names[key]: value for key, value in table.items()}
    check_table("augment", {"transforms": found.get("augment")})
    return found


def with_loss(settings: Mapping[str, object]) -> dict[str, Any]:
    """Settings whose ``loss``, if it is a table, is split into ``loss`` and ``loss_options``.

    Raises:
        UsageError: it is neither a name nor a table with one, or a parameter is no plain value.
    """
    found = dict(settings)
    loss = found.get("loss")
    if isinstance(loss, Mapping):
        options: dict[str, Any] = {}
        for key, value in loss.items():
            term, dot, name = str(key).partition(".")
            if dot:  # loss.focal.gamma of a command line
                options.setdefault(term, {})[name] = value
            elif term != "name":
                options[term] = dict(value) if isinstance(value, Mapping) else value
        found |= {"loss": loss.get("name", "cross-entropy"), "loss_options": options}
    if not isinstance(found.get("loss", ""), str):
        raise UsageError(
            f"loss is {quoted(found['loss'])}; write a name, such as focal, or a table with one."
        )
    check_table("loss", found.get("loss_options", {}))
    return found


def check_table(owner: str, table: object) -> None:
    """Check that a table holds only values that a file can keep.

    Raises:
        UsageError: there is no table, or a value is no number, text, switch, or list of them.
    """
    if not isinstance(table, Mapping):
        raise UsageError(f"{owner} is {quoted(table)}; write a table of names and values.")
    for name, value in table.items():
        if not _is_plain(value):
            raise UsageError(
                f"{short(owner)}.{short(name)} is {quoted(value)}; write a number, text, true, "
                "false, or a list."
            )


def _is_plain(value: object, depth: int = 4) -> bool:
    """Whether JSON has the value, and it is no deeper than any parameter needs."""
    if isinstance(value, list | tuple):
        return depth > 0 and all(_is_plain(one, depth - 1) for one in value)
    if isinstance(value, Mapping):
        return depth > 0 and all(_is_plain(one, depth - 1) for one in value.values())
    if isinstance(value, int):
        return abs(value) < 2**63
    if isinstance(value, str):
        return not any("\ud800" <= letter <= "\udfff" for letter in value)
    return isinstance(value, float) or value is None
