"""The column of false alarms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dagen.benchmarking.tables.protocol import Rows
from dagen.benchmarking.tables.records import Record
from dagen.benchmarking.tables.statistics import estimate
from dagen.benchmarking.tables.tables import Value, in_percent


def share(records: Sequence[Record]) -> Value:
    """The mean share of false alarms, in per cent; a dash if they were not measured."""
    return in_percent(estimate(map(of, records)), 2)


def of(record: Record) -> float | None:
    """The share of false alarms of one run; None if they were not measured."""
    return None if record.false_alarms is None else record.false_alarms.share


def scenes(rows: Rows) -> list[str]:
    """The scenes on which they were measured, in words."""
    found = {r.false_alarms for records in rows.values() for r in records if r.false_alarms}
    return sorted({f"{one.images} of {one.data}" for one in found})


def notes(rows: Rows) -> Iterable[str]:
    """What the column means, if any of its entries is a number."""
    if known := scenes(rows):
        yield (
            "False alarms are the share of pixels called foreground on scenes without objects "
            f"({', '.join(known)})."
        )
