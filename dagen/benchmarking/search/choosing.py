"""Chooses one combination of every search, by a validator that reads no target label."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from dagen import plugins
from dagen.benchmarking.broken_down.parts import Parts
from dagen.benchmarking.cells import Cell
from dagen.benchmarking.deployed.versions import Version
from dagen.benchmarking.search.rows import plain_name, tried_values
from dagen.benchmarking.tables.records import Record
from dagen.errors import unknown
from dagen.validators.combined import Combined

CHOOSE = "combined"
"""The validator that chooses if the file names none."""
Seeds = dict[int, Record]
"""The runs of a combination by their seeds."""
Place = tuple[str, str, str, str, str]
"""Network, task, source, target and point on the other axes."""


def check(choose: object) -> str:
    """The validator that chooses.

    Raises:
        UsageError: there is none of that name.
    """
    names = plugins.names("validators")
    if choose not in names:
        raise unknown("validator", str(choose), names)
    return str(choose)


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
        or (cell.row, place(cell)) in winners
    ]


def _expected(cells: Sequence[Cell], first: Mapping[str, int]) -> dict[tuple[str, Place], int]:
    """How many combinations are tried, by row and place."""
    found: dict[tuple[str, Place], int] = {}
    for cell in cells:
        if tried_values(cell.row) is not None and cell.config.seed == first[cell.row]:
            key = (plain_name(cell.row), place(cell))
            found[key] = found.get(key, 0) + 1
    return found


def place(one: Cell | Record | Version | Parts) -> Place:
    """Network, task, source, target and point on the other axes of a cell or line of results."""
    axes = json.dumps(dict(one.axes), sort_keys=True, default=list)
    own = one.config if isinstance(one, Cell) else one
    return own.model, own.task, one.source, one.target or "", axes


def chosen(
    records: Iterable[Record],
    choose: str,
    expected: Mapping[tuple[str, Place], int] | None = None,
) -> dict[tuple[str, Place], tuple[str, Place]]:
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
    for key, group in groups(records).items():
        if expected is not None and len(group) < expected.get(key, 0):
            continue
        rows = list(group)
        worths = worth(judgements(group), choose) or [0.0] * len(rows)
        best = max(range(len(rows)), key=lambda i: (worths[i], len(group[rows[i]]), -i))
        found[key] = (rows[best], key[1])
    return found


def groups(records: Iterable[Record]) -> dict[tuple[str, Place], dict[str, Seeds]]:
    """The runs of every search by combination and seed."""
    found: dict[tuple[str, Place], dict[str, Seeds]] = {}
    for record in records:
        if tried_values(record.row) is not None:
            group = found.setdefault((plain_name(record.row), place(record)), {})
            group.setdefault(record.row, {})[record.seed] = record
    return found


def judgements(group: Mapping[str, Seeds]) -> list[Mapping[str, float]]:
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


def worth(values: Sequence[Mapping[str, float]], choose: str) -> list[float]:
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
    others: dict[tuple[str, Place], set[int]] = {}
    total = 0
    for cell in cells:
        seed = first.setdefault(cell.row, cell.config.seed)
        if tried_values(cell.row) is None or cell.config.seed == seed:
            total += 1
        else:
            others.setdefault((plain_name(cell.row), place(cell)), set()).add(cell.config.seed)
    return total + sum(map(len, others.values()))
