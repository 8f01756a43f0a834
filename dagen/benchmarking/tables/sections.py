"""The records of a benchmark by table: one for each network, task and point on the other axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from dagen.benchmarking.tables.alike import check_alike
from dagen.benchmarking.tables.paired import BySeed
from dagen.benchmarking.tables.protocol import CEILINGS, SOURCE_ONLY, Rows
from dagen.benchmarking.tables.records import Record
from dagen.benchmarking.tables.statistics import Estimate, estimate, gap_closed
from dagen.runs import figures
from dagen.runs.config import plain_name


@dataclass(frozen=True)
class Section:
    """The records of one table.

    Attributes:
        title: names of network, task and data set.
        headline: the task's headline score.
        rows: the records by row, the best row first and the ceilings last.
        gaps: share of the gap that each row closed; None if not defined.
        references: records of networks that are scored as they come, by row.
    """

    title: str
    headline: str
    rows: Rows
    gaps: dict[str, float | None]
    references: Rows = field(default_factory=dict)

    @property
    def first(self) -> Record:
        """Any record: all share network, task, source and target."""
        return next(iter(self.rows.values()))[0]

    @property
    def background(self) -> bool:
        """Whether the task has a background, so that there can be false alarms."""
        scores = [r.scores.get(r.domain, {}) for records in self.rows.values() for r in records]
        return "waste_iou" in figures.summary(self.first.task, scores)

    def headline_of(self, row: str) -> Estimate:
        """The row's mean headline score."""
        return mean_of(self.rows[row], self.headline)

    @property
    def headline_title(self) -> str:
        """The headline's name in words."""
        return figures.title(self.headline, self.first.task)

    @property
    def ceiling(self) -> str | None:
        """The better ceiling; None if there is none."""
        tops = [row for row in CEILINGS if row in self.rows]
        return max(tops, key=lambda row: self.headline_of(row).mean, default=None)

    def seeds_of(self, row: str) -> BySeed:
        """The headline score of a row's runs by seed."""
        return by_seed(self.rows[row], lambda record: record.score(self.headline))

    def by_seed(self, *names: str) -> list[tuple[float, ...]]:
        """The headline scores of some rows, for each seed that all of them have."""
        known = [self.seeds_of(name) for name in names]
        seeds = sorted(set.intersection(*(set(one) for one in known)))
        return [tuple(one[seed] for one in known) for seed in seeds]


def by_seed(records: Iterable[Record], figure: Callable[[Record], float | None]) -> BySeed:
    """A figure of some runs by their seeds, where it is defined."""
    return {r.seed: value for r in records if (value := figure(r)) is not None}


def sections(records: Iterable[Record]) -> list[Section]:
    """One section for each network, task and point on the other axes.

    Raises:
        DagenError: the runs of a row differ in more than the seed.
    """
    groups: dict[tuple[str, ...], dict[str, list[Record]]] = {}
    records = list(records)
    for record in records:
        if record.as_it_comes:
            continue
        extra = ", ".join(f"{name} {value}" for name, value in sorted(record.axes.items()))
        key = (record.task, record.model, record.source, record.domain, extra)
        groups.setdefault(key, {}).setdefault(record.row, []).append(record)
    for (task, model, *_, extra), rows in groups.items():
        for row, runs in rows.items():
            check_alike(runs, "/".join(filter(None, [row, model, task, extra])))
    scored = [record for record in records if record.as_it_comes]
    return [_section(key, rows, scored) for key, rows in groups.items()]


def _section(
    key: tuple[str, ...], rows: dict[str, list[Record]], scored: Sequence[Record]
) -> Section:
    task, model, source, domain, extra = key
    known = (r.scores.get(r.domain, {}) for records in rows.values() for r in records)
    headline = figures.headline(task, known)
    means = {row: mean_of(records, headline).mean for row, records in rows.items()}
    tops = [means[row] for row in CEILINGS if row in rows and not math.isnan(means[row])]
    below, top = means.get(SOURCE_ONLY, math.nan), max(tops, default=math.nan)

    def place(row: str) -> tuple[bool, float, str]:
        mean = means[row]
        return row in CEILINGS, math.inf if math.isnan(mean) else -mean, row

    at = plain_name(domain)
    where = f"{plain_name(source)} to {at}" if source != domain else at
    return Section(
        title=", ".join(part for part in (model, task, where, extra) if part),
        headline=headline,
        rows={row: rows[row] for row in sorted(rows, key=place)},
        gaps={row: gap_closed(mean, below, top) for row, mean in means.items()},
        references={
            r.row: [r] for r in scored if (r.task, r.source, r.domain) == (task, source, domain)
        },
    )


def mean_of(records: Sequence[Record], figure: str, dataset: str | None = None) -> Estimate:
    """The mean of a score over some runs, on the table's data set or another one."""
    return estimate(record.score(figure, dataset) for record in records)
