"""Checks the columns that a benchmark names, before any of its cells runs.

The heads come from the code that makes the tables, given a stand-in for every cell that has no
record yet: a record with every figure that the cell's run can have.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from dagen.benchmarking.cells import Benchmark, Cell
from dagen.benchmarking.deployed import measuring, table
from dagen.benchmarking.search.rows import plain_name
from dagen.benchmarking.tables import writing
from dagen.benchmarking.tables.records import Record
from dagen.errors import DagenError, unknown
from dagen.runs import figures
from dagen.runs.findings import FalseAlarms
from dagen.runs.selection import LAST, ORACLE, Pick, Selection


def check_columns(benchmark: Benchmark, found: Iterable[Record], data_root: Path | None) -> None:
    """Refuse columns that no table of a benchmark can have.

    Nothing is refused while the heads are not known: a cell that this call does not run may be one
    that cannot run here, such as one whose data set declares its classes and is elsewhere.

    Args:
        benchmark: the benchmark.
        found: the records that are there.
        data_root: see :func:`dagen.datasets.loading.opening.root`.

    Raises:
        UsageError: no table will have one of the columns; the nearest head is named.
    """
    if not benchmark.columns:
        return
    found = list(found)
    have = {record.run for record in found}
    try:
        stand_ins = [
            _stand_in(cell, data_root) for cell in benchmark.cells if cell.config.name not in have
        ]
        heads = _heads(benchmark, [*found, *stand_ins])
    except DagenError:
        return
    for column in benchmark.columns:
        if column not in heads:
            raise unknown("column", column, heads)


def _heads(benchmark: Benchmark, records: Iterable[Record]) -> list[str]:
    """The heads of all tables; one record of each line is enough, as seeds have no columns."""
    lines: dict[tuple[str, ...], Record] = {}
    for record in records:
        one = replace(record, row=plain_name(record.row))
        axes = json.dumps(one.axes, sort_keys=True, default=list)
        key = (one.row, one.model, one.task, one.source, one.target or "", axes)
        lines.setdefault(key, one)
    kept = list(lines.values())
    scores = {(r.source, r.target, r.task): r.scores for r in kept}
    smaller = [
        replace(one, scores=scores.get((one.source, one.target, one.task), {}))
        for one in measuring.planned(benchmark)
    ]
    tables = [*writing.tables_of(kept), *table.tables(smaller)]
    return list(dict.fromkeys(head for one in tables for head in one.columns[one.labels :]))


def _stand_in(cell: Cell, data_root: Path | None) -> Record:
    """What the record of a cell may have, with numbers that mean nothing."""
    from dagen.runs.checks import applicable
    from dagen.runs.plan import plan_run

    config = cell.config
    plan = plan_run(config, data_root=data_root)
    names = [f"iou/{name}" for name in plan.task.classes]
    names += [f for f in figures.SUMMARY if plan.task.background or f != "waste_iou"]
    scores = dict.fromkeys([*names, "pixel_accuracy", "ece"], 0.0)
    picks = [LAST, ORACLE, *applicable(plan.trained_on)] if plan.kept else []
    return Record(
        row=cell.row, model=config.model, task=config.task, seed=config.seed, source=cell.source,
        target=cell.target, axes=dict(cell.axes), run=config.name, config=config.to_dict(),
        commit="", torch="", hardware="", scores={name: scores for name in plan.scored},
        profile={}, seconds=0.0,
        # Whether it has seen anything else is known only when the runs that it needs are there.
        seen=("other images",),
        false_alarms=None if config.empty is None else FalseAlarms(config.empty, 1, 0.0),
        selection=Selection(
            config.select, 0, None, 0, {}, {n: Pick(0, 0.0, 0.0, 0.0, 0.0) for n in picks}, ()
        ) if picks else None,
    )  # fmt: skip
