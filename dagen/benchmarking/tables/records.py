"""One line of results for each cell of a benchmark, as it is committed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from dagen.errors import DagenError
from dagen.runs.results import Findings, read_findings
from dagen.system.files import read_lines, write_atomically


@dataclass(frozen=True)
class Record(Findings):
    """What is published of one run.

    Attributes:
        row: the table row.
        model: the network.
        task: ``binary`` or ``material``.
        seed: of everything random.
        source: the source of the whole table.
        target: the target of the whole table, or None.
        axes: the point on the benchmark's other axes.
        run: the run's name; it ends with a hash of the configuration.
        config: the resolved configuration.
        commit: of the code that trained it, or ``unknown``.
        torch: version.
        hardware: in words.
        scores: by data set, the figures of :class:`dagen.scoring.metrics.Scores` on its ``val``
            split.
        profile: parameters, MACs, FLOPs (2 per MAC) and bytes of the deployed file.
        seconds: spent in training.
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
        """Plain values, as a line holds them; findings stand under ``extra``."""
        own = {f.name: getattr(self, f.name) for f in fields(Record)}
        for f in fields(Findings):
            del own[f.name]
        return {**own, "extra": self.findings()}

    @property
    def domain(self) -> str:
        """The data set that the table is about: the target, or the source where there is none."""
        return self.target or self.source

    def score(self, figure: str, dataset: str | None = None) -> float | None:
        """One figure on the table's data set or another one; None where it was not defined."""
        return self.scores.get(dataset or self.domain, {}).get(figure)

    @property
    def order(self) -> tuple[str, ...]:
        """What the lines of a file are sorted by."""
        axes = json.dumps(self.axes, sort_keys=True, default=list)
        return (self.task, self.model, axes, self.row, f"{self.seed:010}", self.run)


def read(path: Path) -> list[Record]:
    """The records of a file; none where it does not exist.

    Raises:
        DagenError: a line is damaged.
    """
    if not path.exists():
        return []
    found = []
    for number, line in enumerate(read_lines(path), 1):
        try:
            values = json.loads(line)
            findings = read_findings(values.pop("extra", {}))
            found.append(Record(**values, **findings))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise DagenError(
                f"{path}, line {number} is no record of a benchmark; remove the line, or move the "
                "file away to begin anew."
            ) from None
    return found


def save(path: Path, records: Iterable[Record]) -> bool:
    """Write the records, sorted; whether anything changed.

    Raises:
        DagenError: it cannot be written.
    """
    lines = [
        json.dumps(record.to_dict(), sort_keys=True, default=list) + "\n"
        for record in sorted(records, key=lambda record: record.order)
    ]
    return save_if_new(path, "".join(lines).encode())


def save_if_new(path: Path, content: bytes) -> bool:
    """Write ``content`` unless it stands there already; whether it was written.

    Raises:
        DagenError: it cannot be written.
    """
    if path.is_file() and path.read_bytes() == content:
        return False
    write_atomically(path, content)
    return True
