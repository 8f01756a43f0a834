"""What a run found out, as it is written to ``result.json`` and returned to Python."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dagen.errors import DagenError
from dagen.files import write_atomically

FILE = "result.json"


@dataclass(frozen=True)
class RunResult:
    """One finished run.

    Attributes:
        name: the run's name, and that of its folder.
        folder: where its files lie.
        config: the resolved configuration.
        scores: by data set, the figures of :class:`dagen.metrics.Scores` on its ``val`` split.
        profile: parameters, MACs, FLOPs (2 per MAC) and bytes of the deployed file.
        seconds: spent in training, all attempts together.
    """

    name: str
    folder: Path
    config: dict[str, Any]
    scores: dict[str, dict[str, float]]
    profile: dict[str, float]
    seconds: float
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> Path:
        """The deployed file."""
        return self.folder / "model.safetensors"

    def score(self, dataset: str, figure: str = "waste_iou") -> float:
        """One figure on one data set.

        Raises:
            DagenError: the run has no such figure.
        """
        try:
            return self.scores[dataset][figure]
        except KeyError:
            have = [f"{d}: {', '.join(sorted(s))}" for d, s in self.scores.items()]
            raise DagenError(
                f"run {self.name} has no {figure} on {dataset}. It has {'; '.join(have)}."
            ) from None

    def save(self) -> None:
        """Write ``result.json``; its presence is what says that the run is finished."""
        values = {**asdict(self), "folder": None}
        text = json.dumps(values, indent=2, default=list)
        write_atomically(self.folder / FILE, text.encode() + b"\n")


def load(folder: Path) -> RunResult | None:
    """The result of a finished run; None where the run is not finished."""
    path = folder / FILE
    if not path.is_file():
        return None
    values = json.loads(path.read_text(encoding="utf-8"))
    return RunResult(**{**values, "folder": folder})
