"""Checksums of plain values in JSON files: a changed digit is noticed, as a changed brace is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from dagen.errors import DagenError
from dagen.system.files import write_atomically

T = TypeVar("T")

SEAL = "sha256"
"""The key of the checksum among the values."""


def checksum(values: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of values that JSON can hold, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def sealed(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values and their checksum."""
    return {**values, SEAL: checksum(values)}


def unsealed(values: object) -> dict[str, Any]:
    """The values without their checksum, which is compared; older files have none.

    Raises:
        ValueError: they differ from it, or are no JSON object.
    """
    if not isinstance(values, Mapping):
        raise ValueError("it is no JSON object")
    rest = {name: value for name, value in values.items() if name != SEAL}
    if SEAL in values and values[SEAL] != checksum(rest):
        raise ValueError("its values differ from their checksum")
    return rest


def write_record(path: Path, values: Mapping[str, Any]) -> None:
    """Write what a run begins with: its data, its classes or its teachers.

    Raises:
        DagenError: it cannot be written.
    """
    write_atomically(path, json.dumps(sealed(values), indent=2).encode() + b"\n")


def read_record(path: Path, what: str, parse: Callable[[Mapping[str, Any]], T]) -> T:
    """What a run began with.

    Args:
        path: an existing file that :func:`write_record` wrote.
        what: what it tells, in the plural, such as ``"the classes"``.
        parse: makes the value; it may fail with KeyError, TypeError or ValueError.

    Raises:
        DagenError: it is damaged. Nothing is lost then: without the file the run is taken as it is.
    """
    try:
        return parse(unsealed(json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, KeyError, TypeError, ValueError, RecursionError):
        raise DagenError(
            f"{path} is damaged, so nothing says whether {what} are those that the run began with: "
            "if they are, remove this file and run the same command again; otherwise add --fresh."
        ) from None
