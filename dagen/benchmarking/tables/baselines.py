"""The tables of networks on the source domain alone, in the form of the course project.

One table for the object against the background, one for the materials. A line is a network in one
row of the grid at one point of its axes; only seeds are averaged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from dagen.benchmarking.tables import alarms, paired, protocol
from dagen.benchmarking.tables.learning_curves import axis_of, gains
from dagen.benchmarking.tables.network_lines import Line, grouped, labels_of, merged, text
from dagen.benchmarking.tables.records import Record
from dagen.benchmarking.tables.sections import by_seed
from dagen.benchmarking.tables.statistics import estimate
from dagen.benchmarking.tables.tables import Table, Value, in_percent
from dagen.runs import figures
from dagen.runs.config import plain_name

_MATERIALS = {
    "Paper": "iou/paper",
    "Bottle": "iou/bottle",
    "Aluminum": "iou/aluminium",
    "Nylon": "iou/nylon",
    "avg. mIoU": "foreground_miou",
}
_MOST = 10_000_000
"""Bytes that a deployed file may have."""
_IN_A_SENTENCE = 8
"""Lines whose mean with the background stands below the table; with more it is a column."""


def tables(records: Iterable[Record]) -> list[Table]:
    """A table for each task and source that have records, with lines in the order of the records.

    ``Object (mIoU)`` is the IoU of the one foreground class, and ``avg. mIoU`` the mean over the
    four materials; the mean with the background is below the table, or a column of a long one.

    Raises:
        DagenError: runs of one line differ in more than the seed.
    """
    return [_table(title, task, lines) for title, task, lines in grouped(records)]


@dataclass(frozen=True)
class _Column:
    head: str
    value: Callable[[Line], Value | str]
    better: int = 0
    figure: Callable[[Record], float | None] = lambda record: None


def _table(title: str, task: str, lines: Sequence[Line]) -> Table:
    labels = labels_of(lines)
    columns = _columns(task, lines)
    names = labels.names()
    _, other = protocol.budgets(dict(zip(names, (line.records for line in lines), strict=True)))
    rows: list[list[str | Value]] = [
        [
            f"{entries[0]}*" if name in other else entries[0],
            *entries[1:],
            *(column.value(line) for column in columns),
        ]
        for name, (entries, line) in zip(names, labels.rows, strict=True)
    ]
    for place, column in enumerate(columns, len(labels.heads)):
        samples = [by_seed(line.records, column.figure) for line in lines]
        paired.mark_best(rows, place, column.better, samples)
    return Table(
        title,
        (*labels.heads, *(column.head for column in columns)),
        tuple(map(tuple, rows)),
        tuple(_notes(task, lines, labels.names(short=True))),
        labels=len(labels.heads),
    )


def _columns(task: str, lines: Sequence[Line]) -> list[_Column]:
    columns = []
    if task == "binary":
        columns = [
            _score("Object (mIoU)", "foreground_miou"),
            _Column("FLOPS", lambda line: Value(_weight(line, "flops") / 1e9, digits=2, unit="G")),
            _Column("#parameters", lambda line: Value(_weight(line, "parameters"), digits=0)),
            _Column("Model size (MB)", lambda line: Value(_weight(line, "bytes") / 1e6, digits=2)),
        ]
    else:
        columns = [_score(head, figure) for head, figure in _MATERIALS.items()]
    if len(lines) > _IN_A_SENTENCE:
        columns.append(_score("mIoU with background", "miou"))
    figure = figures.headline(task)
    away = dict.fromkeys(name for line in lines for r in line.records for name in r.scores)
    for name in away:
        if name != lines[0].records[0].domain:
            columns.append(
                _score(f"{plain_name(name)} {figures.title(figure, task)}", figure, name)
            )
    if _scenes(lines):
        columns.append(
            _Column("false alarms", lambda line: alarms.share(line.records), -1, alarms.of)
        )
    return columns


def _score(head: str, figure: str, dataset: str | None = None) -> _Column:
    def of(record: Record) -> float | None:
        return record.score(figure, dataset)

    return _Column(head, lambda line: in_percent(estimate(map(of, line.records))), 1, of)


def _weight(line: Line, figure: str) -> float:
    return line.records[0].profile.get(figure, math.nan)


def _scenes(lines: Sequence[Line]) -> list[str]:
    return alarms.scenes({str(i): line.records for i, line in enumerate(lines)})


def _notes(task: str, lines: Sequence[Line], names: Sequence[str]) -> Iterable[str]:
    first = lines[0].records[0]
    if task == "binary":
        sizes = dict.fromkeys(text(r.config["size"]) for line in lines for r in line.records)
        image = next(iter(sizes)) if len(sizes) == 1 else "the line's own size"
        yield (
            f"FLOPS are floating-point operations for one image of {image}, two per "
            "multiply-accumulate; MB are 1,000,000 bytes of the deployed file."
        )
        yield from _too_large(lines, names)
    many = any(len(line.records) > 1 for line in lines)
    yield (
        f"IoU in % on {plain_name(first.domain)} val, trained on {plain_name(first.source)} train"
        f"{'; mean over seeds ± 95 % t-interval' if many else ''}. Foreground classes only"
        f"{_with_background(lines, names)}."
    )
    rows = {name: line.records for name, line in zip(names, lines, strict=True)}
    yield from alarms.notes(rows)
    budget, _ = protocol.budgets(rows)
    yield budget.replace("for all rows", "for all networks" if _only_networks(lines) else "for all")
    yield from _differences(task, lines, names)


def _with_background(lines: Sequence[Line], names: Sequence[str]) -> str:
    """The means with the background, in words; nothing if they are a column."""
    if len(lines) > _IN_A_SENTENCE:
        return ""
    means = [
        f"{name} {in_percent(estimate(r.score('miou') for r in line.records)).text()}"
        for name, line in zip(names, lines, strict=True)
    ]
    return f"; with the background, mIoU is {paired.listed(names, means)}"


def _too_large(lines: Sequence[Line], names: Sequence[str]) -> Iterable[str]:
    """The lines whose file is too large to be deployed."""
    large = [n for n, ln in zip(names, lines, strict=True) if _weight(ln, "bytes") > _MOST]
    if large:
        yield f"More than {_MOST:,} bytes, so too large to be deployed: {', '.join(large)}."


def _only_networks(lines: Sequence[Line]) -> bool:
    return len({line.model for line in lines}) == len(lines)


def _differences(task: str, lines: Sequence[Line], names: Sequence[str]) -> Iterable[str]:
    """What the seeds say of the figure by which lines are compared: a paired test, or gains."""
    figure = figures.headline(task)
    axis = axis_of(record for line in lines for record in line.records)
    if axis is not None:
        return gains(axis, figure, figures.title(figure, task), merged(lines, axis))
    scored = [
        one for one in zip(names, lines, strict=True) if not math.isnan(_mean(one[1], figure))
    ]
    scored.sort(key=lambda one: -_mean(one[1], figure))
    rows = {
        name: by_seed(line.records, lambda record: record.score(figure)) for name, line in scored
    }
    return paired.told(figures.title(figure, task), rows)


def _mean(line: Line, figure: str) -> float:
    return estimate(record.score(figure) for record in line.records).mean
