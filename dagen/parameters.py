"""Parameters of strategies: checked once, with errors that a user can act on.

A strategy declares a frozen dataclass ``Config``; the ranges are part of the types::

    @dataclass(frozen=True)
    class Config:
        weight: NotNegative = 0.001
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Annotated, Any, TypeVar

from pydantic import Field, PlainValidator, TypeAdapter, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails, PydanticCustomError, to_json

from dagen.errors import UsageError, quoted, short, unknown

Fraction = Annotated[float, Field(ge=0, le=1)]
"""From 0 to 1, both included."""
Share = Annotated[float, Field(ge=0, lt=1)]
"""From 0 to below 1: a share of the run's steps after which something begins."""
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""A finite number above 0."""
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""A finite number, 0 or above."""
Count = Annotated[int, Field(ge=1)]
"""A whole number, 1 or above."""
Steps = Annotated[int, Field(ge=0)]
"""A whole number of optimiser steps; 0 means off."""

_C = TypeVar("_C")


def number_or(word: str, allowed: Callable[[float], bool], told: str) -> PlainValidator:
    """Checks a parameter that is a number or one word.

    Args:
        word: the word.
        allowed: whether a number is in range.
        told: the range in words, for the error, such as ``"a number above 0"``.
    """

    def check(value: object, info: ValidationInfo) -> float | str:
        if value == word:
            return word
        kinds = int | float if info.mode == "json" else str | int | float  # words of a command line
        try:
            number = float(value) if isinstance(value, kinds) else math.nan
        except (ValueError, OverflowError):
            number = math.nan
        if isinstance(value, bool) or not allowed(number):
            raise PydanticCustomError("number_or", f"write {told}, or {word}")
        return number

    return PlainValidator(check)


def build_config(cls: type[_C], values: Mapping[str, Any], where: str, *, text: bool = False) -> _C:
    """An instance of the dataclass ``cls`` with ``values`` over its defaults.

    Nothing is guessed: a number in quotes is not a number and true is not 1. Lists become
    tuples, because TOML has no tuples.

    Args:
        cls: a dataclass.
        values: by field name, as TOML or Python gives them.
        where: owner of the parameters, such as ``"advent"``; every error begins with it.
        text: whether the values are words of a command line, read by the types of their fields.

    Raises:
        UsageError: an unknown name (the nearest is named), a missing value, a wrong type or a
            value outside its range.
    """
    allowed = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    for key in values:
        if key not in allowed:
            raise unknown(f"{where} parameter", str(key), allowed)
    try:
        if text:
            return TypeAdapter(cls).validate_strings(dict(values))
        # Strict JSON is the rule "lists may be tuples, nothing else is converted".
        return TypeAdapter(cls).validate_json(
            to_json(dict(values), inf_nan_mode="constants"), strict=True
        )
    except ValidationError as error:
        raise UsageError("; ".join(_complaints(error.errors(), values, where)) + ".") from None


def _complaints(
    errors: Sequence[ErrorDetails], values: Mapping[str, Any], where: str
) -> Iterator[str]:
    """A message for each value; of one that may have several types, one for all of them."""
    kinds: dict[str, list[str]] = {}
    for error in errors:
        name = str(error["loc"][0]) if error["loc"] else ""
        # The place of such a value has the name of the type that was tried: literal['a','b'].
        if any("[" in str(part) for part in error["loc"]):
            message = _message(error)
            if message not in kinds.setdefault(name, []):
                kinds[name].append(message)
        else:
            yield complaint(error, where)
    for name, messages in kinds.items():
        yield f"{short(f'{where}.{name}')} is {quoted(values[name])}: {', or '.join(messages)}"


def complaint(error: ErrorDetails, *where: str) -> str:
    """The message for one value that pydantic refused, without the full stop.

    Args:
        error: one of :meth:`pydantic.ValidationError.errors`.
        where: owner of the parameter, if its own name does not say so.
    """
    name = short(".".join([*where, *map(str, error["loc"])])) or "it"
    message = _message(error)
    if error["type"] == "missing":
        return f"{name} is missing: {message}"
    if error["type"] == "value_error" and not (where or error["loc"]):
        return message  # of values that do not fit together, which it names
    return f"{name} is {quoted(error['input'])}: {message}"


def _message(error: ErrorDetails) -> str:
    """What pydantic says of a value, as the end of a sentence."""
    message = error["msg"].removeprefix("Value error, ").removesuffix(".")
    return short(message[0].lower() + message[1:], 160)
