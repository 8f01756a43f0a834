"""The latencies that ``benchmarks/latency.py`` measured: of each row's network, and as a table."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagen.benchmarking.tables.records import Record
from dagen.benchmarking.tables.tables import Table, Value

FILE = "latency.json"
_RUNTIME = "ONNX Runtime"
_PRECISION = "float32"


@dataclass(frozen=True)
class Latencies:
    """What was timed, all in one run.

    Attributes:
        hardware: the machine in words.
        threads: threads that computed.
        rows: a network in a runtime each.
    """

    hardware: str = ""
    threads: int = 0
    rows: tuple[Mapping[str, Any], ...] = field(default=())

    @classmethod
    def read(cls, folder: Path) -> Latencies:
        """Those of a folder of results; none if they were not measured."""
        path = folder / FILE
        if not path.is_file():
            return cls()
        found = json.loads(path.read_text(encoding="utf-8"))
        return cls(found["hardware"], found["threads"], tuple(found["rows"]))

    def of(self, record: Record) -> float:
        """Milliseconds of a record's network in ONNX Runtime (float32); NaN if not measured."""
        if record.config.get("width", 1.0) != 1.0:
            return math.nan
        size = record.config.get("size")
        for row in self.rows:
            if row["network"] != record.model or row["precision"] != _PRECISION:
                continue
            if not row["runtime"].startswith(_RUNTIME):
                continue
            if record.as_it_comes or list(size or ()) == row["size"]:
                return float(row["median_ms"])
        return math.nan

    @property
    def unit(self) -> str:
        """What the numbers of :meth:`of` are."""
        return f"ms an image, ONNX Runtime, {self.threads} threads"

    def table(self) -> Table:
        """All rows."""
        return Table(
            title="Latency of every network in every runtime",
            columns=(
                "network", "input", "runtime", "precision", "MB", "GMAC", "median, ms", "p95, ms",
                "times PyTorch", "times U2-Net-p",
            ),
            rows=tuple(map(_entries, self.rows)),
            notes=(
                f"One image at a time on {self.threads} threads of {self.hardware}, all contenders "
                "in turns in one run, the network alone. Make it again with python "
                "benchmarks/latency.py.",
            ),
        )  # fmt: skip


def _entries(row: Mapping[str, Any]) -> tuple[str | Value, ...]:
    own = row["times_pytorch"]
    return (
        row["network"],
        "x".join(map(str, row["size"])),
        row["runtime"],
        row["precision"],
        Value(row["bytes"] / 1e6, digits=2),
        Value(row["macs"] / 1e9, digits=3),
        Value(row["median_ms"], digits=2),
        Value(row["p95_ms"], digits=2),
        Value(math.nan if own is None else own),
        Value(row["times_teacher"]),
    )
