"""Where and how a run is executed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dagen.errors import UsageError, quoted, unknown
from dagen.runs import results

if TYPE_CHECKING:
    import torch

    from dagen.runs.config import Config

PRECISION = "precision"
"""The tag of a run's log that tells what it computed in."""
_PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class Runtime:
    """Where and how a run is executed; on a CPU only ``precision`` changes the result.

    Paths may be given as strings; the attributes are always :class:`pathlib.Path`.

    Attributes:
        runs: folder of all runs, with the MLflow store.
        data_root: folder of all data sets; None is ``$DAGEN_DATA``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        workers: number of processes that make batches; None is one per core except one.
        precision: ``float32``, ``bfloat16``, or ``auto`` (bfloat16 on a GPU).
        fresh: delete the files of an earlier run of the same configuration.
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

    if TYPE_CHECKING:  # for type checkers: a field takes strings, and holds a path

        def __init__(
            self,
            runs: Path | str = "runs",
            data_root: Path | str | None = None,
            device: str = "auto",
            workers: int | None = None,
            precision: str = "auto",
            fresh: bool = False,
            track: bool = True,
            experiment: str = "dagen",
            quiet: bool = False,
            save_every: int = 50,
            parent: Path | str | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        """Turn strings into paths.

        Raises:
            UsageError: an unknown precision, or a number that is out of range.
        """
        for name in ("runs", "data_root", "parent"):
            if (given := getattr(self, name)) is not None:
                object.__setattr__(self, name, Path(given))
        if self.precision not in _PRECISIONS:
            raise unknown("precision", str(self.precision), _PRECISIONS)
        if self.workers is not None:
            _require_whole("workers", self.workers, 0)
        _require_whole("save_every", self.save_every, 1)

    def located(self, config: Config) -> Config:
        """``config`` with the path of the file behind ``init``.

        Raises:
            DagenError: ``init`` names a run that is not finished.
        """
        return replace(config, init=results.located(config.init, self.runs))

    def autocast(self, device: torch.device) -> bool:
        """Whether convolutions and matrix products use bfloat16 on this device."""
        on_gpu = self.precision == "auto" and device.type == "cuda"
        return self.precision == "bfloat16" or on_gpu


def _require_whole(name: str, number: object, least: int) -> None:
    if not isinstance(number, int) or number < least:
        raise UsageError(f"{name} is {quoted(number)}; give a whole number, {least} or above.")
