"""Tables of methods with their baselines and ceilings, one for each network and task."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from dagen.benchmarking.tables import alarms, paired, protocol
from dagen.benchmarking.tables.paired import BySeed
from dagen.benchmarking.tables.protocol import CEILINGS, SOURCE_ONLY
from dagen.benchmarking.tables.records import Record
from dagen.benchmarking.tables.sections import Section, by_seed, mean_of
from dagen.benchmarking.tables.statistics import (
    Estimate,
    estimate,
    gap_spread,
)
from dagen.benchmarking.tables.tables import Table, Value, in_percent
from dagen.runs import figures, seen
from dagen.runs.config import plain_name
from dagen.types import PRESETS

_MOST = 8
"""More classes than this would make a table too wide: it then shows the means alone."""


def table(section: Section) -> Table:
    """The section as a table; numbers are per cent unless the head says otherwise."""
    budget, other = protocol.budgets(section.rows)
    columns = _columns(section)
    rows: list[list[str | Value]] = []
    for row, records in section.rows.items():
        name = f"{row}*" if row in other else row
        rows.append([name, *(column.value(row, records) for column in columns)])
    for i, column in enumerate(columns, 1):
        paired.mark_best(rows, i, column.better, _rivals(section, column))
    for row, records in section.references.items():
        rows.append([row, *(column.value(row, records) for column in columns)])
    return Table(
        title=section.title,
        columns=("", *(column.head for column in columns)),
        rows=tuple(tuple(row) for row in rows),
        notes=tuple(_notes(section, budget)),
    )


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        head: name of the column.
        value: computes the entry of a row, a number or a text.
        better: 1 if more is better, -1 if less is, 0 if neither.
        figure: the figure of one run by which the rows compete; needed if one is better.
    """

    head: str
    value: Callable[[str, Sequence[Record]], Value | str]
    better: int = 0
    figure: Callable[[Record], float | None] = lambda record: None


def _rivals(section: Section, column: Column) -> list[BySeed | None]:
    """What the rows compete with; ceilings do not compete."""
    return [
        None if row in CEILINGS else by_seed(records, column.figure)
        for row, records in section.rows.items()
    ]


def _columns(section: Section) -> list[Column]:
    first = section.first
    columns = [Column("seeds", lambda _, records: _seeds(records))]
    for figure in _shown(section):
        columns.append(_score(figure, None, 1, first.task))
        if figure == section.headline:
            columns.append(
                Column(
                    "gap closed",
                    lambda row, _: in_percent(_gap(section, row), 0),
                    better=int(section.ceiling is not None),
                    figure=columns[-1].figure,
                )
            )
    columns += [_score("pixel_accuracy", None, 0, first.task), _score("ece", None, -1, first.task)]
    if section.background:
        columns.append(
            Column("false alarms", lambda _, records: alarms.share(records), -1, alarms.of)
        )
    if first.source != first.domain:
        columns.append(_score(section.headline, first.source, 0, first.task))
    every = [*section.rows.values(), *section.references.values()]
    if any(record.seen for records in every for record in records):
        columns.append(Column("seen besides", lambda _, records: seen.text(records[0].seen)))
    return [
        *columns,
        Column("MB", lambda _, records: _weight(records, "bytes", 1e6, 2)),
        Column("GMAC", lambda _, records: _weight(records, "macs", 1e9, 3)),
        Column("s", lambda _, records: _seconds(records)),
    ]


def _gap(section: Section, row: str) -> Estimate | None:
    """The share of the gap that a row closed, with its interval over the seeds."""
    share, top = section.gaps.get(row), section.ceiling
    if share is None or top is None:
        return None
    seeds = section.by_seed(row, SOURCE_ONLY, top)
    spread = gap_spread([(one[0], one[1], one[2]) for one in seeds])
    return Estimate(share, None if row in (SOURCE_ONLY, top) else spread, len(seeds))


def _shown(section: Section) -> tuple[str, ...]:
    """The figures of the columns: the means, then those of single classes, if there are few."""
    first = section.first
    rows = [record.scores.get(record.domain, {}) for rs in section.rows.values() for record in rs]
    means = figures.summary(first.task, rows)[:2]
    if first.task == "binary":
        return means
    classes = [name for name in figures.classes(rows) if name != "iou/background"]
    # A file of records names the classes by letter; built-in tasks have the order of their ids.
    ids = {f"iou/{c}": k for t in PRESETS if t.name == first.task for k, c in enumerate(t.classes)}
    classes.sort(key=lambda name: ids.get(name, len(ids)))
    return (*means, *(classes if len(classes) <= _MOST else ()))


def _score(figure: str, dataset: str | None, better: int, task: str) -> Column:
    name = figures.title(figure, task)

    def value(row: str, records: Sequence[Record]) -> Value:
        return in_percent(mean_of(records, figure, dataset))

    head = f"{plain_name(dataset)} {name}" if dataset else name
    return Column(head, value, better, lambda record: record.score(figure, dataset))


def _weight(records: Sequence[Record], figure: str, unit: float, digits: int) -> Value:
    return Value(estimate(r.profile.get(figure) for r in records).mean / unit, digits=digits)


def _seconds(records: Sequence[Record]) -> Value:
    trained = (math.nan if r.as_it_comes else r.seconds for r in records)
    return Value(estimate(trained).mean, digits=0)


def _seeds(records: Sequence[Record]) -> Value:
    """The number of seeds; a reference has none."""
    return Value(math.nan if records[0].as_it_comes else len(records), digits=0)


def _notes(section: Section, budget: str) -> Iterable[str]:
    first = section.first
    many = any(len(records) > 1 for records in section.rows.values())
    yield (
        f"In % on {plain_name(first.domain)} val, at the labels' own resolution, of the file that "
        f"would be deployed{'; mean over seeds ± 95 % t-interval' if many else ''}. MB are "
        "1,000,000 bytes; s are seconds of training."
    )
    yield from alarms.notes(section.rows)
    yield budget
    if section.references:
        yield f"Not trained here, and no rival: {', '.join(section.references)}."
    if (chosen := protocol.checkpoints(section.rows)) is not None:
        yield chosen
    if _adapts(section) and (absent := protocol.missing_rows(section.rows)) is not None:
        yield absent
    if SOURCE_ONLY in section.rows and section.ceiling is not None:
        if all(gap is None for gap in section.gaps.values()):
            yield (
                "Gap closed is not defined: the better ceiling is less than 2 points above "
                "source-only."
            )
        else:
            yield f"Gap closed is (row - source-only) / ({section.ceiling} - source-only)."
    yield from _differences(section)


def _adapts(section: Section) -> bool:
    """Whether any row is adapted to the target, so that there has to be a whole comparison."""
    runs = (record for records in section.rows.values() for record in records)
    return section.first.target is not None and any(
        "tgt" not in r.config or r.config["tgt"] for r in runs
    )


def _differences(section: Section) -> Iterable[str]:
    """What a paired test over the seeds says; nothing with a single seed."""
    rivals = {row: section.seeds_of(row) for row in section.rows if row not in CEILINGS}
    yield from paired.told(section.headline_title, rivals, SOURCE_ONLY)
    first = section.first
    if first.source == first.domain or _adapts(section):
        return
    # Rows that were trained on the source alone differ there as well, where it is their own ground.
    home = {
        row: by_seed(section.rows[row], lambda r: r.score(section.headline, first.source))
        for row in rivals
    }
    home = {row: scores for row, scores in home.items() if scores}
    best = sorted(home, key=lambda row: -fmean(home[row].values()))
    title = f"{plain_name(first.source)} {section.headline_title}"
    yield from paired.told(title, {row: home[row] for row in best}, SOURCE_ONLY)
