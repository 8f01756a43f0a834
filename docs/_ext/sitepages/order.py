"""The order of a benchmark's own tables, which files of results do not keep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dagen.benchmarking import axes
from dagen.benchmarking.search.rows import plain_name
from dagen.benchmarking.tables.records import Record


def in_order(records: Iterable[Record], values: Mapping[str, Any]) -> list[Record]:
    """The records as the benchmark runs them: seed by seed, point by point, row by row.

    Lines of a file are sorted by letter; which row comes first matters, since others are compared
    with it.

    Args:
        records: records of the benchmark.
        values: what its file says. What the file does not name comes last.
    """
    grid = axes.flat(values.get("grid", {}))
    rows = [row.get("name") for row in values.get("row", ())]
    slowest_first = sorted(grid, key=lambda axis: axis != "seed")

    def place(record: Record) -> tuple[int, ...]:
        at = {"seed": record.seed, "model": record.model, "task": record.task, **record.axes}
        points = (_position(grid[axis], at.get(axis)) for axis in slowest_first)
        return (*points, _position(rows, plain_name(record.row)))

    return sorted(records, key=place)


def _position(values: list[Any], value: Any) -> int:
    return values.index(value) if value in values else len(values)
