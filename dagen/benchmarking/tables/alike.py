"""Checks that records that are averaged differ in nothing but the seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dagen.benchmarking.tables.records import Record
from dagen.errors import DagenError, listed, short
from dagen.runs.results import RUN


def check_alike(records: Sequence[Record], name: str) -> None:
    """Refuse to average runs of one entry that differ in anything but the seed.

    Args:
        records: the runs behind one row of a table.
        name: the row's name, for the error.

    Raises:
        DagenError: two runs have the same seed, or their settings differ.
    """
    twice = [seed for seed, count in Counter(r.seed for r in records).items() if count > 1]
    differing = differences([record.config for record in records])
    if differing:
        told = "; ".join(f"{key} is {listed(values)}" for key, values in differing.items())
        raise DagenError(
            f"'{short(name)}' would average runs that differ in more than the seed: {told}. Make "
            "each of these settings an axis in [grid], or give each value a [[row]] of its own."
        )
    if twice:
        raise DagenError(
            f"'{short(name)}' has two runs with seed {twice[0]}; give each [[row]] another name."
        )


def differences(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The settings in which configurations differ, the seed aside, with their values as text.

    A setting that a file lacks has its default and differs from every value. Runs that others start
    from are named after their own seeds, so their names are not compared.
    """
    flat = [_flat(config) for config in configs]
    keys = sorted({key for one in flat for key in one} - {"seed"})
    found = {}
    for key in keys:
        values = list(dict.fromkeys(one.get(key, "the default") for one in flat))
        if len(values) > 1:
            found[key] = [short(value) for value in values]
    return found


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """Nested settings as texts by dotted key."""
    found: dict[str, str] = {}
    for key, value in values.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping):
            found |= _flat(value, f"{name}.")
        else:
            found[name] = _text(value)
    return found


def _text(value: Any) -> str:
    if isinstance(value, str) and value.startswith(RUN):
        return RUN
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    return f"{float(value):g}" if isinstance(value, int | float) else str(value)
