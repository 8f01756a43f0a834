"""What was measured of the smaller files: one line for each file of each cell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from dagen.benchmarking.cell_lines import CellLine
from dagen.benchmarking.tables import lines


@dataclass(frozen=True, kw_only=True)
class Version(CellLine):
    """One file of one cell's network, and what it scored.

    Attributes:
        network: ``whole``, or the pruned network, such as ``macs-60``.
        steps: training steps after pruning; None for the whole network and for the default.
        precision: ``float32``, ``fp16`` or ``int8``.
        bytes: size of the ONNX file.
        macs: multiply-accumulates of one image.
        scores: by data set, the scores on its ``val`` split.
        runtime: the runtime with its version.
        hardware: hardware in words; what int8 computes depends on it.
    """

    network: str
    steps: int | None
    precision: str
    bytes: int = 0
    macs: int = 0
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    runtime: str = ""
    hardware: str = ""

    @property
    def part(self) -> tuple[str, int | None, str]:
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
