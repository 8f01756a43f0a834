"""The lines of the course project's tables: a network in a row of the grid at a point of its axes.

Only seeds are averaged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dagen.benchmarking.tables.alike import check_alike
from dagen.benchmarking.tables.records import Record
from dagen.runs.config import plain_name

TASKS = ("binary", "material")
"""The tasks that have such a table."""
_TITLES = {
    "icnet": "ICNet", "bisenet": "BiSeNet", "bisenetv2": "BiSeNetV2", "enet": "ENet",
    "bisenet-resnet18": "BiSeNet ResNet-18", "icnet-resnet50": "ICNet ResNet-50", "lite": "Lite",
}  # fmt: skip


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


def grouped(records: Iterable[Record]) -> Iterable[tuple[str, str, list[Line]]]:
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
        check_alike(line.records, "/".join([line.row, line.model, *map(text, line.axes.values())]))
    return lines


@dataclass(frozen=True)
class Labels:
    """What names the lines of a table.

    Attributes:
        heads: heads of the first columns, that of the network is empty.
        rows: the entries of these columns for each line.
    """

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


def labels_of(lines: Sequence[Line]) -> Labels:
    """What names the lines: the network, the row if there are several, and every axis."""
    several = len({line.row for line in lines}) > 1
    axes = list(dict.fromkeys(axis for line in lines for axis in line.axes))
    rows: list[tuple[list[str], Line]] = []
    for line in lines:
        row = [line.row] if several else []
        points = [text(line.axes[axis]) if axis in line.axes else "" for axis in axes]
        rows.append(([line.network, *row, *points], line))
    shortened = [axis.rpartition(".")[2] for axis in axes]
    heads = shortened if len({*shortened}) == len(axes) else axes
    return Labels(("", *(["row"] if several else []), *heads), rows)


def text(value: Any) -> str:
    """A point of an axis as it stands in the TOML file, a size as 128x128."""
    if isinstance(value, list | tuple):
        numbers = all(isinstance(one, int) for one in value)
        return ("x" if numbers and len(value) == 2 else "+").join(map(text, value))
    return str(value)


def merged(lines: Sequence[Line], axis: str) -> dict[str, list[Record]]:
    """The records of lines that differ in an axis alone, by what names them without it."""
    alike = [replace(ln, axes={k: v for k, v in ln.axes.items() if k != axis}) for ln in lines]
    found: dict[str, list[Record]] = {}
    for name, line in zip(labels_of(alike).names(short=True), lines, strict=True):
        found.setdefault(name, []).extend(line.records)
    return found
