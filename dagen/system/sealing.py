"""Checksums of plain values in JSON files: a changed digit is noticed, as a changed brace is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

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
