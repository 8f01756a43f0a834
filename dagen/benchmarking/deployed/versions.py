"""What was measured of the smaller files: one line for each file of each cell."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dagen.benchmarking.tables import lines


@dataclass(frozen=True)
class Version:
    """One file of one cell's network, and what it scored.

    Attributes:
        row: name of the table row.
        model: name of the network.
        task: name of the task.
        seed: seed of the cell.
        source: the source of the whole table.
        target: the target of the whole table, or None.
        axes: the point on the benchmark's other axes.
        run: name of the cell's run.
        weights: SHA-256 of the tensors of the cell's deployed file.
        network: ``whole``, or the pruned network, such as ``macs-60``.
        steps: training steps after pruning; None for the whole network and for the default.
        precision: ``float32``, ``fp16`` or ``int8``.
        bytes: size of the ONNX file.
        macs: multiply-accumulates of one image.
        scores: by data set, the scores on its ``val`` split.
        runtime: the runtime with its version.
        hardware: hardware in words; what int8 computes depends on it.
        commit: commit of the code that exported it, or ``unknown``.
    """

    row: str
    model: str
    task: str
    seed: int
    source: str
    target: str | None
    axes: dict[str, Any]
    run: str
    weights: str
    network: str
    steps: int | None
    precision: str
    bytes: int
    macs: int
    scores: dict[str, dict[str, float]]
    runtime: str
    hardware: str
    commit: str

    @property
    def domain(self) -> str:
        """The data set of the table: the target, or the source without a target."""
        return self.target or self.source

    @property
    def place(self) -> tuple[str, str, str]:
        """The cell: rows may share a run, and so may points on an axis."""
        return self.row, self.run, json.dumps(self.axes, sort_keys=True, default=list)

    @property
    def file(self) -> tuple[str, int | None, str]:
        """Which file of the cell it is."""
        return self.network, self.steps, self.precision


def file_of(folder: Path, benchmark: str) -> Path:
    """Where the lines of a benchmark lie."""
    return folder / f"{benchmark}-deployed.jsonl"


def read(path: Path) -> list[Version]:
    """The lines of a file; none if it does not exist.

    Raises:
        DagenError: a line is damaged.
    """
    return lines.read(path, lambda values: Version(**values), "of a smaller file")


def save(path: Path, versions: Iterable[Version]) -> None:
    """Write the lines in their order.

    Raises:
        DagenError: it cannot be written.
    """
    lines.save(path, map(asdict, versions))
