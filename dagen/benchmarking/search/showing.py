"""What tables show of searches: the chosen combinations, and a sentence on the choice."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from dagen.benchmarking.broken_down.parts import Parts
from dagen.benchmarking.cells import Cell
from dagen.benchmarking.deployed.versions import Version
from dagen.benchmarking.search.choosing import chosen, groups, judgements, place, worth
from dagen.benchmarking.search.rows import plain_name, tried_values
from dagen.benchmarking.tables.records import Record

_T = TypeVar("_T", Version, Parts)


def told(records: Iterable[Record], choose: str) -> str | None:
    """What was chosen, in a sentence; None if nothing was searched."""
    records = list(records)
    searches = groups(records)
    if not searches:
        return None
    several = len({place[2:4] for _, place in searches}) > 1
    each = []
    for key, (row, (model, task, source, target, axes)) in chosen(records, choose).items():
        judged = "" if worth(judgements(searches[key]), choose) else " (the first: not judged)"
        point = [f"{name} {value}" for name, value in json.loads(axes).items()]
        where = ", ".join([model, task, *([source, target] if several else []), *point])
        each.append(f"{key[0]} ({where}) at {tried_values(row)} of {len(searches[key])}{judged}")
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
        elif (record.row, place(record)) in winners:
            found.append(replace(record, row=plain_name(record.row)))
    return found


def cells_of_chosen(cells: Iterable[Cell], records: Iterable[Record], choose: str) -> list[Cell]:
    """The cells whose runs may stand in a table: of every search those that are chosen."""
    winners = set(chosen(records, choose).values())
    return [c for c in cells if tried_values(c.row) is None or (c.row, place(c)) in winners]


def lines_of_chosen(measured: Iterable[_T], records: Iterable[Record], choose: str) -> list[_T]:
    """Like :func:`only_chosen`, for what was measured of the networks behind the records."""
    winners = set(chosen(records, choose).values())
    return [
        replace(one, row=plain_name(one.row))
        for one in measured
        if tried_values(one.row) is None or (one.row, place(one)) in winners
    ]
