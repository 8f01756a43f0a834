"""Values of settings as TOML, a command line or Python give them, checked before pydantic."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic_core import PydanticCustomError

from dagen.errors import UsageError, quoted, short

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
