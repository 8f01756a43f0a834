"""The protocol of fair comparisons: checks of a table, and the remarks below it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from dagen.benchmarking.tables.records import Record
from dagen.runs import describe

SOURCE_ONLY = "source-only"
CEILINGS = ("oracle", "oracle+source")
MANDATORY = (SOURCE_ONLY, "adabn", "source + strong augmentation", *CEILINGS)
"""The rows that every table of adapted networks must have."""

Rows = Mapping[str, Sequence[Record]]
"""The records of a table by row."""


def missing_rows(rows: Rows) -> str | None:
    """A sentence that names the missing mandatory rows of a table; None if it has all."""
    absent = [row for row in MANDATORY if row not in rows]
    return f"Not to be read as a comparison yet: {_and(absent)} missing." if absent else None


def budgets(rows: Rows) -> tuple[str, frozenset[str]]:
    """The budget of the rows as a sentence, and the rows whose budget differs.

    The table's budget is that of most rows.
    """
    spent = {row: _budget(records) for row, records in rows.items()}
    usual = Counter(spent.values()).most_common(1)[0][0]
    other = {row: budget for row, budget in spent.items() if budget != usual}
    if not other:
        return f"The same budget for all rows: {usual}.", frozenset()
    told = "; ".join(f"{row} {budget}" for row, budget in other.items())
    return f"Budget: {usual}. Rows marked * differ: {told}.", frozenset(other)


def _budget(records: Sequence[Record]) -> str:
    return " or ".join(dict.fromkeys(map(_spent, records)))


def _spent(record: Record) -> str:
    return describe.budget(record.config, record.stream_images)


def checkpoints(rows: Rows) -> str | None:
    """The deployed checkpoint of each row, unless it is always the last."""
    chosen = {row: records[0].config.get("select", "last") for row, records in rows.items()}
    if set(chosen.values()) == {"last"}:
        return None
    told = [
        f"{'the last' if select == 'last' else f'the one that {select} picks'} for "
        + ", ".join(row for row, own in chosen.items() if own == select)
        for select in sorted(set(chosen.values()))
    ]
    return f"Checkpoint that is deployed: {'; '.join(told)}."


def provenance(records: Iterable[Record]) -> str:
    """The code and the hardware that made the numbers."""
    records = list(records)
    commits = [commit[:12] for commit in dict.fromkeys(r.commit for r in records)]
    versions = dict.fromkeys(r.torch for r in records)
    hardware = dict.fromkeys(r.hardware for r in records)
    word = "commit" if len(commits) == 1 else "commits"
    return (
        f"Made by {word} {', '.join(sorted(commits))} with torch {', '.join(sorted(versions))} on "
        f"{'; '.join(sorted(hardware))}."
    )


def _and(names: Sequence[str]) -> str:
    verb = "is" if len(names) == 1 else "are"
    return f"{', '.join(names)} {verb}"
