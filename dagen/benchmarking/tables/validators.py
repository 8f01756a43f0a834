"""The picks of validators without target labels, the oracle's pick, and the regrets.

Runs that judged their checkpoints have ``Record.selection``, with an entry for each validator and
for ``last`` and ``oracle`` (see :class:`dagen.runs.selection.Selection`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dagen.benchmarking.tables.records import Record
from dagen.benchmarking.tables.sections import Section
from dagen.benchmarking.tables.statistics import estimate
from dagen.benchmarking.tables.tables import Table, Value, in_percent
from dagen.runs.config import plain_name
from dagen.runs.selection import Pick, kept_as

_LAST, _ORACLE = "last", "oracle"


def table(section: Section) -> Table | None:
    """The score of each pick by row, then its mean and largest regret; None without judgements."""
    judged = {row: _judged(records) for row, records in section.rows.items()}
    judged = {row: records for row, records in judged.items() if records}
    names = {name for records in judged.values() for r in records for name in _picks(r)}
    if not judged:
        return None
    picks = [_LAST, *sorted(names - {_LAST, _ORACLE}), *({_ORACLE} & names)]
    figure = kept_as(section.headline)
    rows: list[tuple[str | Value, ...]] = [
        (row, *(in_percent(estimate(_picked(r, pick, figure) for r in records)) for pick in picks))
        for row, records in judged.items()
    ]
    everyone = [record for records in judged.values() for record in records]
    # Validators that judged other runs cannot be compared by their means.
    common = [r for r in everyone if all(_picked(r, p, "regret") is not None for p in picks)]
    regrets = {p: [_picked(r, p, "regret") for r in common] for p in picks}
    worst = (max((v for v in values if v is not None), default=None) for values in regrets.values())
    runs = f"{len(common)} run{'' if len(common) == 1 else 's'}"
    rows += [
        (f"mean regret, {runs}", *(in_percent(estimate(v).mean) for v in regrets.values())),
        (f"largest regret, {runs}", *(in_percent(value) for value in worst)),
    ]
    return Table(
        title=f"Checkpoints that validators pick: {section.title}",
        columns=("", *picks),
        rows=tuple(rows),
        notes=(
            f"In % on {plain_name(section.first.domain)} val, of the checkpoint with the highest "
            "score of the validator, which reads no target label. The oracle picks by the labels; "
            "a regret is what its pick is better by, in points, over the runs that every pick has "
            "judged.",
        ),
    )


def _judged(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if _picks(record)]


def _picks(record: Record) -> Mapping[str, Pick]:
    return {} if record.selection is None else record.selection.picks


def _picked(record: Record, pick: str, figure: str) -> float | None:
    found = _picks(record).get(pick)
    return None if found is None else found.get(figure)
