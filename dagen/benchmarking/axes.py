"""Axes of a grid: a setting, or ``table.name`` for one in a table such as ``model_options``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

Table = dict[str, Any]


def flat(grid: Mapping[str, Any]) -> Table:
    """The axes by dotted name: ``{"loss": {"gamma": [1, 2]}}`` has the axis ``loss.gamma``."""
    found: Table = {}
    for name, points in grid.items():
        if isinstance(points, Mapping):
            found |= {f"{name}.{inner}": values for inner, values in points.items()}
        else:
            found[name] = points
    return found


def placed(base: Mapping[str, Any], at: Mapping[str, Any]) -> Table:
    """The settings of ``base`` with those of a point on the axes."""
    found = dict(base)
    for axis, value in at.items():
        table, dot, name = axis.partition(".")
        if not dot:
            found[axis] = value
            continue
        own = found.get(table, {})
        # A loss may be its name alone.
        own = own if isinstance(own, Mapping) else {"name": own}
        found[table] = {**own, name: value}
    return found


def named(row: Mapping[str, Any], axes: Collection[str]) -> Table:
    """What a row says about the axes: the values to which it is restricted, by axis."""
    found: Table = {}
    for axis in axes:
        table, dot, name = axis.partition(".")
        inner = row.get(table)
        if not dot and axis in row:
            found[axis] = row[axis]
        elif dot and isinstance(inner, Mapping) and name in inner:
            found[axis] = inner[name]
    return found


def without(row: Mapping[str, Any], axes: Collection[str]) -> Table:
    """The row's settings that are no axis."""
    found: Table = {}
    for key, value in row.items():
        if key in axes:
            continue
        if isinstance(value, Mapping) and any(f"{key}.{name}" in axes for name in value):
            value = {name: one for name, one in value.items() if f"{key}.{name}" not in axes}
            if not value:
                continue
        found[key] = value
    return found
