"""The same small search for every row: a few values of its parameters, chosen without labels.

A row of a benchmark's file may name values to try::

    choose = "combined"                          # the validator that chooses; this is the default

    [[row]]
    name = "advent"
    method = "advent"
    search.advent.weight = [0.001, 0.01]         # several parameters: every combination

Every combination is a row of its own, called ``advent {advent.weight=0.01}``, for the first seed.
Then a validator, which reads no target label, chooses one of them for each network, task and point
on the axes, and only this one is run with the other seeds and stands in the table, as ``advent``.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dagen import plugins
from dagen.benchmarking.cells import Cell
from dagen.benchmarking.deployed.versions import Version
from dagen.benchmarking.tables.records import Record
from dagen.errors import UsageError, quoted, unknown
from dagen.validators.combined import Combined

KEY = "search"
"""The key of a row with the values to try."""
CHOOSE = "combined"
"""The validator that chooses if the file names none."""

_OPEN, _CLOSE = " {", "}"
_Row = dict[str, Any]
_Seeds = dict[int, Record]
_Place = tuple[str, str, str, str, str]


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


def check(choose: object) -> str:
    """The validator that chooses.

    Raises:
        UsageError: there is none of that name.
    """
    names = plugins.names("validators")
    if choose not in names:
        raise unknown("validator", str(choose), names)
    return str(choose)


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


def due(cells: Sequence[Cell], records: Iterable[Record], choose: str) -> list[Cell]:
    """The cells that are to be run: all but those whose combination is not, or not yet, chosen.

    Args:
        cells: all cells of a benchmark.
        records: records of the cells that are done.
        choose: the validator that chooses.
    """
    first: dict[str, int] = {}
    for cell in cells:
        first.setdefault(cell.row, cell.config.seed)
    winners = set(chosen(records, choose, _expected(cells, first)).values())
    return [
        cell
        for cell in cells
        if tried_values(cell.row) is None
        or cell.config.seed == first[cell.row]
        or (cell.row, _place(cell)) in winners
    ]


def _expected(cells: Sequence[Cell], first: Mapping[str, int]) -> dict[tuple[str, _Place], int]:
    """How many combinations are tried, by row and place."""
    found: dict[tuple[str, _Place], int] = {}
    for cell in cells:
        if tried_values(cell.row) is not None and cell.config.seed == first[cell.row]:
            key = (plain_name(cell.row), _place(cell))
            found[key] = found.get(key, 0) + 1
    return found


def _place(one: Cell | Record | Version) -> _Place:
    """Network, task, source, target and point on the other axes of a cell or line of results."""
    axes = json.dumps(dict(one.axes), sort_keys=True, default=list)
    own = one.config if isinstance(one, Cell) else one
    return own.model, own.task, one.source, one.target or "", axes


def chosen(
    records: Iterable[Record],
    choose: str,
    expected: Mapping[tuple[str, _Place], int] | None = None,
) -> dict[tuple[str, _Place], tuple[str, _Place]]:
    """The chosen combination of every row and place, by the runs of one seed.

    That is the lowest seed with which all combinations were run: only the chosen one has others.
    The validator's value is that of the deployed checkpoint. ``combined`` is the mean rank under
    its voters, among the combinations; voters that did not judge all of them have no vote, as
    those that look at target images in a row that never sees any. Of equal combinations that with
    most runs wins, which was chosen before, and else the first in the order of the records; so it
    is if nothing was judged, which :func:`told` says.

    Args:
        records: records of a benchmark.
        choose: the validator.
        expected: how many combinations there are; rows of which some are missing are left out.
            None chooses among what is there.
    """
    found = {}
    for key, group in _groups(records).items():
        if expected is not None and len(group) < expected.get(key, 0):
            continue
        rows = list(group)
        worth = _worth(_values(group), choose) or [0.0] * len(rows)
        best = max(range(len(rows)), key=lambda i: (worth[i], len(group[rows[i]]), -i))
        found[key] = (rows[best], key[1])
    return found


def _groups(records: Iterable[Record]) -> dict[tuple[str, _Place], dict[str, _Seeds]]:
    """The runs of every search by combination and seed."""
    groups: dict[tuple[str, _Place], dict[str, _Seeds]] = {}
    for record in records:
        if tried_values(record.row) is not None:
            group = groups.setdefault((plain_name(record.row), _place(record)), {})
            group.setdefault(record.row, {})[record.seed] = record
    return groups


def _values(group: Mapping[str, _Seeds]) -> list[Mapping[str, float]]:
    """The validators' values of each combination, with the lowest seed that all of them have."""
    common = set.intersection(*(set(seeds) for seeds in group.values()))
    return [_judged(seeds[min(common)]) if common else {} for seeds in group.values()]


def _judged(record: Record) -> Mapping[str, float]:
    """The validators' values of the deployed checkpoint; none if it was not judged."""
    if record.selection is None:
        return {}
    at = {candidate.step: candidate for candidate in record.selection.candidates}
    deployed = at.get(record.selection.step)
    return {} if deployed is None else deployed.values


def _worth(values: Sequence[Mapping[str, float]], choose: str) -> list[float]:
    """The worth of each combination; empty if the validator did not judge all of them."""
    names = [choose]
    if choose == CHOOSE:
        by_kind = {plugins.get("validators", name): name for name in plugins.names("validators")}
        names = [by_kind[type(voter)] for voter in Combined.voters]
    judges = [name for name in names if all(name in each for each in values)]
    if not judges:
        return []
    return Combined().compare([tuple(each[name] for name in judges) for each in values])


def count(cells: Sequence[Cell]) -> int:
    """How many cells will have been run when every search is decided."""
    first: dict[str, int] = {}
    groups: dict[tuple[str, _Place], set[int]] = {}
    total = 0
    for cell in cells:
        seed = first.setdefault(cell.row, cell.config.seed)
        if tried_values(cell.row) is None or cell.config.seed == seed:
            total += 1
        else:
            groups.setdefault((plain_name(cell.row), _place(cell)), set()).add(cell.config.seed)
    return total + sum(map(len, groups.values()))


def told(records: Iterable[Record], choose: str) -> str | None:
    """What was chosen, in a sentence; None if nothing was searched."""
    records = list(records)
    groups = _groups(records)
    if not groups:
        return None
    several = len({place[2:4] for _, place in groups}) > 1
    each = []
    for key, (row, (model, task, source, target, axes)) in chosen(records, choose).items():
        judged = "" if _worth(_values(groups[key]), choose) else " (the first: not judged)"
        point = [f"{name} {value}" for name, value in json.loads(axes).items()]
        where = ", ".join([model, task, *([source, target] if several else []), *point])
        each.append(f"{key[0]} ({where}) at {tried_values(row)} of {len(groups[key])}{judged}")
    return (
        f"Searched, and chosen by {choose} without target labels among the runs of one seed: "
        f"{'; '.join(each)}."
    )


def only_chosen(records: Iterable[Record], choose: str) -> list[Record]:
    """The records for a table: of every search the chosen combination, under the row's own name."""
    records = list(records)
    winners = set(chosen(records, choose).values())
    found = []
    for record in records:
        if tried_values(record.row) is None:
            found.append(record)
        elif (record.row, _place(record)) in winners:
            found.append(replace(record, row=plain_name(record.row)))
    return found


def cells_of_chosen(cells: Iterable[Cell], records: Iterable[Record], choose: str) -> list[Cell]:
    """The cells whose runs may stand in a table: of every search those that are chosen."""
    winners = set(chosen(records, choose).values())
    return [c for c in cells if tried_values(c.row) is None or (c.row, _place(c)) in winners]


def files_of_chosen(
    files: Iterable[Version], records: Iterable[Record], choose: str
) -> list[Version]:
    """Like :func:`only_chosen`, for the smaller files of the networks behind the records."""
    winners = set(chosen(records, choose).values())
    return [
        replace(one, row=plain_name(one.row))
        for one in files
        if tried_values(one.row) is None or (one.row, _place(one)) in winners
    ]
