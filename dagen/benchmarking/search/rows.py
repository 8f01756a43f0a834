"""The combinations of a row that searches, and their names."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any

from dagen.benchmarking.cells import Cell
from dagen.errors import UsageError, quoted

KEY = "search"
"""The key of a row with the values to try."""

_OPEN, _CLOSE = " {", "}"
_Row = dict[str, Any]


def expanded(rows: Mapping[str, _Row]) -> dict[str, _Row]:
    """The rows with every row that searches replaced by its combinations.

    Raises:
        UsageError: values to try that are no list of several values, or a name with a brace.
    """
    found: dict[str, _Row] = {}
    for name, row in rows.items():
        if _OPEN in name:
            raise UsageError(f"the row's name is {quoted(name)}; leave out the brace.")
        if KEY not in row:
            found[name] = row
            continue
        plain = {key: value for key, value in row.items() if key != KEY}
        tried = dict(_flat(name, row[KEY]))
        for values in itertools.product(*tried.values()):
            point = dict(zip(tried, values, strict=True))
            told = ", ".join(f"{key}={_told(value)}" for key, value in point.items())
            found[f"{name}{_OPEN}{told}{_CLOSE}"] = _placed(plain, point)
    return found


def _told(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _flat(name: str, table: Any, before: str = "") -> Iterable[tuple[str, list[Any]]]:
    """The parameters by dotted name."""
    if not isinstance(table, Mapping) or not table:
        raise UsageError(
            f"row '{name}': search is {quoted(table)}; give lists of values by parameter, such as "
            "search.advent.weight = [0.001, 0.01]."
        )
    for key, values in table.items():
        if isinstance(values, Mapping):
            yield from _flat(name, values, f"{before}{key}.")
            continue
        if not isinstance(values, list) or len(values) < 2 or _repeats(values):
            raise UsageError(
                f"row '{name}': search.{before}{key} is {quoted(values)}; give at least two "
                "different values to try."
            )
        if key == "seed":
            raise UsageError(f"row '{name}': seeds are not searched; name them in [grid].")
        yield f"{before}{key}", values


def _repeats(values: list[Any]) -> bool:
    return any(values.count(value) > 1 for value in values)


def _placed(row: _Row, point: Mapping[str, Any]) -> _Row:
    """A copy of the row with the values of a point, which are placed in tables by their dots."""
    found = json.loads(json.dumps(row))
    for dotted, value in point.items():
        *tables, key = dotted.split(".")
        at = found
        for table in tables:
            own = at.get(table, {})
            # A loss may be its name alone.
            at[table] = own if isinstance(own, dict) else {"name": own}
            at = at[table]
        at[key] = value
    return dict(found)


def plain_name(row: str) -> str:
    """The row of the file that a combination belongs to; another row's own name."""
    return row.partition(_OPEN)[0]


def tried_values(row: str) -> str | None:
    """The values of a combination, such as ``advent.weight=0.01``; None of another row."""
    return row.partition(_OPEN)[2].removesuffix(_CLOSE) or None


def check_judged(cells: Iterable[Cell]) -> None:
    """Refuse a search over runs that no validator judges: those that keep one checkpoint.

    Raises:
        UsageError: the first row that searches so.
    """
    for cell in cells:
        if tried_values(cell.row) is not None and cell.config.candidates < 2:
            raise UsageError(
                f"row {quoted(plain_name(cell.row))} searches, and validators judge runs that keep "
                "several checkpoints alone; set candidates = 2, or more, in [base]."
            )
