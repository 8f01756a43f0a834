"""What a run found out, as it is written to ``result.json`` and returned to Python."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dagen.errors import DagenError
from dagen.system.files import write_atomically

FILE = "result.json"
RUN = "run:"
"""How an ``init`` begins that names a run instead of a path: ``run:NAME``."""


@dataclass(frozen=True)
class RunResult:
    """One finished run.

    Attributes:
        name: the run's name, and that of its folder.
        folder: where its files lie.
        config: the resolved configuration.
        scores: by data set, the figures of :class:`dagen.scoring.metrics.Scores` on its ``val``
            split.
        profile: parameters, MACs, FLOPs (2 per MAC) and bytes of the deployed file.
        seconds: spent in training, all attempts together.
        extra: whatever else the run found out. Where several checkpoints were kept
            (``candidates`` above 1), it holds

            - ``validators``: by validator, and for ``last`` and ``oracle``, the ``step`` that it
              picks and the ``value`` that it saw there (of ``last`` the step itself, of the oracle
              its foreground mIoU); then what that pick is worth on the target's ``val`` split:
              ``waste_iou``, ``foreground_miou`` and ``regret``, the oracle's foreground mIoU
              less the pick's. With the task ``binary`` waste IoU and foreground mIoU are one
              figure. Where the target has no labels there is no oracle, and these three are
              left out; a validator that cannot judge any checkpoint is left out.
            - ``candidates``: of each, in the order of steps, ``step``, ``scores`` on the target
              and ``values`` by validator.
            - ``selection``: ``select`` as it was asked for, the ``step`` that is deployed,
              ``scored_on`` (the data set behind regrets, or None), ``forwards_per_candidate``
              (images), and ``not_applicable`` (by validator, why).

            Of a run over a stream it holds ``stream``: ``images``, their number, and ``rows``,
            the scores on the target ``before``, with ``batch-norm`` statistics alone, and
            ``after`` (those of the run itself); no row where the target has no labels.
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


def located(init: str | None, runs: Path) -> str | None:
    """The deployed file that a configuration's ``init`` stands for.

    Args:
        init: a path, ``run:NAME``, or None.
        runs: folder of all runs.

    Raises:
        DagenError: the run that is named is not finished.
    """
    if init is None or not init.startswith(RUN):
        return init
    found = load(runs / init.removeprefix(RUN))
    if found is None:
        raise DagenError(f"--init {init}: there is no finished run of that name in {runs}.")
    return str(found.model)
