"""Where and how a run is executed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dagen.runs import results

if TYPE_CHECKING:
    import torch

    from dagen.runs.config import Config


@dataclass(frozen=True)
class Runtime:
    """Where and how a run is executed; none of it changes the result on a CPU.

    Attributes:
        runs: folder of all runs, with the MLflow store.
        data_root: where the data sets lie; None is ``$DAGEN_DATA``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        workers: processes that make batches; None is one for every core but one.
        precision: ``float32``, ``bfloat16``, or ``auto`` (bfloat16 on a GPU).
        fresh: throw away what an earlier run of the same configuration left.
        track: log to MLflow.
        experiment: the MLflow experiment.
        quiet: no progress display.
        save_every: steps between two saved states.
        parent: folder of the run in MLflow that this one belongs to, such as a benchmark's.
    """

    runs: Path = Path("runs")
    data_root: Path | None = None
    device: str = "auto"
    workers: int | None = None
    precision: str = "auto"
    fresh: bool = False
    track: bool = True
    experiment: str = "dagen"
    quiet: bool = False
    save_every: int = 50
    parent: Path | None = None

    def located(self, config: Config) -> Config:
        """The same with the path of the file that ``init`` stands for.

        Raises:
            DagenError: it stands for a run that is not finished.
        """
        return replace(config, init=results.located(config.init, self.runs))

    def autocast(self, device: torch.device) -> bool:
        """Whether convolutions and matrix products are done in bfloat16 on this device."""
        on_gpu = self.precision == "auto" and device.type == "cuda"
        return self.precision == "bfloat16" or on_gpu
