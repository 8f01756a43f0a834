"""What the figure of the course project's tables shows: rows, or learning curves."""

from __future__ import annotations

from collections.abc import Iterable

from dagen.benchmarking.tables.learning_curves import Curves, axis_of, curves
from dagen.benchmarking.tables.network_lines import grouped, labels_of, merged
from dagen.benchmarking.tables.records import Record
from dagen.benchmarking.tables.sections import Section
from dagen.benchmarking.tables.statistics import estimate
from dagen.runs import figures
from dagen.runs.config import plain_name


def drawn_as_curves(records: Iterable[Record]) -> list[Curves]:
    """The tables over several numbers of labelled images, for the figure."""
    found = []
    for title, task, lines in grouped(records):
        axis = axis_of(record for line in lines for record in line.records)
        if axis is None:
            continue
        figure = figures.headline(task)
        domain = plain_name(lines[0].records[0].domain)
        score = f"{figures.title(figure, task)} on {domain} val"
        found.append(curves(title, axis, figure, score, merged(lines, axis)))
    return found


def panels(records: Iterable[Record]) -> list[Section]:
    """The lines of the other tables for the figure, the best first: a panel for each table."""
    found = []
    for title, task, lines in grouped(records):
        if axis_of(record for line in lines for record in line.records) is not None:
            continue
        figure = figures.headline(task)
        names = labels_of(lines).names()
        order = sorted(
            zip(names, lines, strict=True),
            key=lambda one: -estimate(r.score(figure) for r in one[1].records).mean,
        )
        found.append(Section(title, figure, {name: line.records for name, line in order}, {}))
    return found
