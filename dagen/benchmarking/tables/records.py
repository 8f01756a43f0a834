"""The committed results of a benchmark: one line for each cell."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from dagen.benchmarking.tables import lines
from dagen.runs.findings import Findings, read_findings


@dataclass(frozen=True)
class Record(Findings):
    """The published record of one run.

    Attributes:
        row: name of the table row.
        model: name of the network.
        task: ``binary`` or ``material``.
        seed: seed of everything random.
        source: the source of the whole table.
        target: the target of the whole table, or None.
        axes: the point on the benchmark's other axes.
        run: the run's name; it ends with a hash of the configuration.
        config: the resolved configuration; empty for a reference.
        commit: commit of the code that trained it, or ``unknown``.
        torch: version of torch.
        hardware: hardware in words.
        scores: by data set, the scores of :class:`dagen.scoring.metrics.Scores` on its ``val``
            split.
        profile: parameters, MACs, FLOPs (2 per MAC) and bytes of the deployed file.
        seconds: seconds of training.
    """

    row: str
    model: str
    task: str
    seed: int
    source: str
    target: str | None
    axes: dict[str, Any]
    run: str
    config: dict[str, Any]
    commit: str
    torch: str
    hardware: str
    scores: dict[str, dict[str, float]]
    profile: dict[str, float]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The record as plain values of a line, with findings under ``extra``."""
        own = {f.name: getattr(self, f.name) for f in fields(Record)}
        for f in fields(Findings):
            del own[f.name]
        return {**own, "extra": self.findings()}

    @property
    def as_it_comes(self) -> bool:
        """Whether it is a reference: a network that was not trained here, but scored as it is."""
        return not self.config

    @property
    def domain(self) -> str:
        """The data set of the table: the target, or the source without a target."""
        return self.target or self.source

    def score(self, figure: str, dataset: str | None = None) -> float | None:
        """One score on the table's data set or another one; None if it is not defined."""
        return self.scores.get(dataset or self.domain, {}).get(figure)

    @property
    def order(self) -> tuple[str, ...]:
        """The sort key of a file's lines."""
        axes = json.dumps(self.axes, sort_keys=True, default=list)
        return (self.task, self.model, axes, self.row, f"{self.seed:010}", self.run)


def read(path: Path) -> list[Record]:
    """The records of a file; none if it does not exist.

    Raises:
        DagenError: a line is damaged.
    """
    return lines.read(path, _made, "a benchmark's record")


def _made(values: dict[str, Any]) -> Record:
    findings = read_findings(values.pop("extra", {}))
    return Record(**values, **findings)


def save(path: Path, records: Iterable[Record]) -> bool:
    """Write the records, sorted; returns whether anything changed.

    Raises:
        DagenError: it cannot be written.
    """
    ordered = sorted(records, key=lambda record: record.order)
    return lines.save(path, (record.to_dict() for record in ordered))
