"""What a run tells MLflow, and when."""

from __future__ import annotations

import platform
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch

import dagen
from dagen.config import Config
from dagen.datasets.base import Dataset
from dagen.methods.base import Domain
from dagen.results import RunResult
from dagen.tracking import Delivery, RunLog, history
from dagen.training import Stopped

if TYPE_CHECKING:
    from dagen.experiment import Runtime

_SECONDS = "seconds"


class Tracked:
    """The log of one run and its delivery.

    Attributes:
        seconds: spent in training so far, earlier attempts included.
    """

    def __init__(self, log: RunLog, delivery: Delivery | None) -> None:
        self._log, self._delivery = log, delivery
        self._started = time.monotonic()
        self._before = 0.0

    @property
    def seconds(self) -> float:
        """Seconds of training so far, those of earlier attempts up to their states included."""
        return self._before + time.monotonic() - self._started

    def describe(self, config: Config, data: Mapping[Domain, Dataset]) -> None:
        """Parameters, tags and data sets, once at the start."""
        values = config.to_dict()
        self._log.params({k: v for k, v in values.items() if v not in (None, {}, ())})
        self._log.tags(
            {
                "dagen.version": dagen.__version__,
                "git.commit": commit() or "unknown",
                "torch.version": torch.__version__,
                "hardware": f"{platform.machine()}, {torch.get_num_threads()} threads",
                "src": config.src,
                "tgt": config.tgt or "none",
                "method": "+".join(config.method),
                "model": config.model,
            }
        )
        names = {"source": config.src, "target": config.tgt}
        for domain, dataset in data.items():
            self._log.dataset(str(names[domain]), dataset.fingerprint(), domain)

    def metrics(self, figures: Mapping[str, float], step: int) -> None:
        """Figures of a training step."""
        values = {f"train/{name}": value for name, value in figures.items()}
        self._log.metrics({**values, f"train/{_SECONDS}": self.seconds}, step)
        if self._delivery:
            self._delivery.poll()

    def resumed(self, step: int) -> None:
        """Training begins at ``step``: later figures of earlier attempts no longer count."""
        self._log.rewind(step)
        spent = history(self._log.folder).get(f"train/{_SECONDS}", [])
        self._before = spent[-1][1] if spent else 0.0
        self._started = time.monotonic()

    def result(self, result: RunResult, pictures: list[Path]) -> None:
        """Scores, size, pictures and the model, once at the end."""
        config = result.config
        figures = {f"profile/{name}": value for name, value in result.profile.items()}
        roles = {
            config["tgt"] or next(iter(config["score"]), ""): "target",
            config["src"]: "source",
        }
        for dataset, scores in result.scores.items():
            role = roles.get(dataset, dataset)
            figures |= {f"{role}/{name}": value for name, value in scores.items()}
        self._log.metrics(figures, config["steps"])
        lines = [f"**{'+'.join(config['method'])}** on {config['model']}, task {config['task']}"]
        lines += [
            f"- {name} val: waste IoU {100 * s.get('waste_iou', 0):.1f} %"
            for name, s in result.scores.items()
        ]
        self._log.note("\n".join(lines))
        for picture in pictures:
            self._log.artifact(picture, "pictures")
        self._log.model(result.model)


@contextmanager
def tracked(config: Config, runtime: Runtime, folder: Path) -> Iterator[Tracked]:
    """The log of a run in ``folder``; how it ended is logged however it ends."""
    log = RunLog.open(folder)
    delivery = None
    if runtime.track:
        delivery = Delivery(folder, runtime.experiment, config.name, runs=runtime.runs)
    status: str = "FAILED"
    try:
        yield Tracked(log, delivery)
        status = "FINISHED"
    except (KeyboardInterrupt, Stopped):
        status = "KILLED"
        raise
    finally:
        log.finish(status)  # type: ignore[arg-type]
        if delivery:
            delivery.close()


def commit() -> str | None:
    """The commit of the checkout that dagen runs from; None outside one or without git."""
    here = Path(__file__).parent
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None
