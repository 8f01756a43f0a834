"""The tables of networks on the source domain alone, in the form of the course project.

One table for the object against the background, one for the materials. A line is a network in one
row of the grid at one point of its axes; only seeds are averaged.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dagen.benchmarking.tables import alarms, paired, protocol
from dagen.benchmarking.tables.alike import check_alike
from dagen.benchmarking.tables.records import Record
from dagen.benchmarking.tables.sections import Section, by_seed
from dagen.benchmarking.tables.statistics import estimate
from dagen.benchmarking.tables.tables import Table, Value, in_percent
from dagen.runs import figures
from dagen.runs.config import plain_name

TASKS = ("binary", "material")
"""The tasks that have such a table."""
_TITLES = {
    "icnet": "ICNet", "bisenet": "BiSeNet", "bisenetv2": "BiSeNetV2", "enet": "ENet",
    "bisenet-resnet18": "BiSeNet ResNet-18", "icnet-resnet50": "ICNet ResNet-50", "lite": "Lite",
}  # fmt: skip
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


@dataclass(frozen=True)
class Line:
    """One line of a table: the runs of a network in one row at one point of the axes.

    Attributes:
        model: name of the network.
        row: row of the grid.
        axes: the point on the axes.
        records: the runs, one for each seed.
    """

    model: str
    row: str
    axes: Mapping[str, Any]
    records: Sequence[Record]

    @property
    def network(self) -> str:
        """The network's name in tables."""
        return _TITLES.get(self.model, self.model)


def tables(records: Iterable[Record]) -> list[Table]:
    """A table for each task and source that have records, with lines in the order of the records.

    ``Object (mIoU)`` is the IoU of the one foreground class, and ``avg. mIoU`` the mean over the
    four materials; the mean with the background is below the table, or a column of a long one.

    Raises:
        DagenError: runs of one line differ in more than the seed.
    """
    return [_table(title, task, lines) for title, task, lines in _grouped(records)]


def panels(records: Iterable[Record]) -> list[Section]:
    """The lines of :func:`tables` for the figure, the best first: a panel for each table."""
    found = []
    for title, task, lines in _grouped(records):
        figure = figures.headline(task)
        names = _labels(lines).names()
        order = sorted(zip(names, lines, strict=True), key=lambda one: -_mean(one[1], figure))
        found.append(Section(title, figure, {name: line.records for name, line in order}, {}))
    return found


def _grouped(records: Iterable[Record]) -> Iterable[tuple[str, str, list[Line]]]:
    """Title, task and lines of each table."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if record.task in TASKS:
            groups.setdefault((record.task, record.source), []).append(record)
    sources = {source for _, source in groups}
    for task, source in sorted(groups, key=lambda key: TASKS.index(key[0])):
        title = "Binary segmentation" if task == "binary" else "Segmentation per material"
        title += f", {plain_name(source)}" if len(sources) > 1 else ""
        yield title, task, _lines(groups[task, source])


def _lines(records: Iterable[Record]) -> list[Line]:
    groups: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        axes = json.dumps(record.axes, sort_keys=True, default=list)
        groups.setdefault((record.model, record.row, axes), []).append(record)
    lines = [Line(model, row, runs[0].axes, runs) for (model, row, _), runs in groups.items()]
    for line in lines:
        check_alike(line.records, "/".join([line.row, line.model, *map(_text, line.axes.values())]))
    return lines


@dataclass(frozen=True)
class _Column:
    head: str
    value: Callable[[Line], Value | str]
    better: int = 0
    figure: Callable[[Record], float | None] = lambda record: None


def _table(title: str, task: str, lines: Sequence[Line]) -> Table:
    labels = _labels(lines)
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


@dataclass(frozen=True)
class _Labels:
    heads: tuple[str, ...]
    rows: Sequence[tuple[list[str], Line]]

    def names(self, *, short: bool = False) -> list[str]:
        """Each line's entries as one text, which tells an axis: ``ENet, depth 0.5``.

        Args:
            short: leave out the network where several rows have the same one.
        """
        rows = "row" in self.heads and len({entries[0] for entries, _ in self.rows}) == 1
        first = int(short and rows)
        return [
            ", ".join(
                entry if head in ("", "row") else f"{head} {entry}"
                for head, entry in zip(self.heads[first:], entries[first:], strict=True)
                if entry
            )
            for entries, _ in self.rows
        ]


def _labels(lines: Sequence[Line]) -> _Labels:
    """What names the lines: the network, the row if there are several, and every axis."""
    several = len({line.row for line in lines}) > 1
    axes = list(dict.fromkeys(axis for line in lines for axis in line.axes))
    rows: list[tuple[list[str], Line]] = []
    for line in lines:
        row = [line.row] if several else []
        points = [_text(line.axes[axis]) if axis in line.axes else "" for axis in axes]
        rows.append(([line.network, *row, *points], line))
    shortened = [axis.rpartition(".")[2] for axis in axes]
    heads = shortened if len({*shortened}) == len(axes) else axes
    return _Labels(("", *(["row"] if several else []), *heads), rows)


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


def _text(value: Any) -> str:
    """A point of an axis as it stands in the TOML file, a size as 128x128."""
    if isinstance(value, list | tuple):
        numbers = all(isinstance(one, int) for one in value)
        return ("x" if numbers and len(value) == 2 else "+").join(map(_text, value))
    return str(value)


def _notes(task: str, lines: Sequence[Line], names: Sequence[str]) -> Iterable[str]:
    first = lines[0].records[0]
    if task == "binary":
        sizes = dict.fromkeys(_text(r.config["size"]) for line in lines for r in line.records)
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
    """What a paired test over the seeds says of the figure by which lines are compared."""
    figure = figures.headline(task)

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
