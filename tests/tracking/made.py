"""Runs that nobody trained: their results are made up, their logs are made by dagen itself."""

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from dagen.datasets.base import Dataset
from dagen.models.base import create_network
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import save_deployed
from dagen.runs.baseline import baseline_of
from dagen.runs.config import Config, from_mapping
from dagen.runs.findings import read_findings
from dagen.runs.plan import plan_run
from dagen.runs.results import RunResult
from dagen.runs.runtime import Runtime
from dagen.system.files import make_folder
from dagen.tracking.recording import tracked
from dagen.tracking.store import connect
from dagen.types import Task

SIZE = (32, 64)
PROFILE = {"parameters": 363044.0, "macs": 5e8, "flops": 1e9, "bytes": 1539336.0}


class Pictures(Dataset):
    """A data set that knows its name and its number of images, and has none."""

    def __init__(self, name: str, count: int) -> None:
        super().__init__(Path(name), "train", Task.MATERIAL)
        self.count = count

    def __len__(self) -> int:
        return self.count

    def fingerprint(self) -> str:
        return self.root.name.encode().hex().ljust(64, "0")


def config(method: str = "advent", tgt: str | None = "taco", **settings: Any) -> Config:
    """A run of a small ENet; without a target it is source-only."""
    values = {"src": "resortit", "tgt": tgt, "model": "enet", "width": 0.25, "size": SIZE,
              "steps": 40, "batch": 2, **settings}  # fmt: skip
    return from_mapping({**values, "method": method})


def source_only(**settings: Any) -> Config:
    """The baseline of :func:`config` with the same settings."""
    return config(**settings).source_only()


def scores(level: float, task: Task = Task.MATERIAL) -> dict[str, float]:
    """All figures of a data set, around one level."""
    found = {f"iou/{name}": round(level + 0.01 * k, 4) for k, name in enumerate(task.classes)}
    names = ("miou", "foreground_miou", "waste_iou", "pixel_accuracy", "ece")
    return found | {name: round(level + 0.02 + 0.001 * k, 4) for k, name in enumerate(names)}


def finish(
    given: Config,
    runs: Path,
    *,
    target: float = 0.25,
    source: float = 0.75,
    extra: dict[str, Any] | None = None,
    track: bool = False,
    parent: Path | None = None,
    experiment: str = "dagen",
) -> RunResult:
    """Leave in ``runs`` what a run that is done leaves there: log, result, network, sheet.

    Args:
        given: what the run was.
        runs: folder of all runs.
        target: level of its scores on the target.
        source: likewise on the source.
        extra: what else the run found out, as it stands in ``result.json``.
        track: deliver the log to the store in ``runs``.
        parent: folder of the run that it belongs to.
        experiment: the MLflow experiment.
    """
    folder = make_folder(runs / given.name)
    task = Task.named(given.task)
    result = RunResult(
        name=given.name,
        folder=folder,
        config=given.to_dict(),
        scores={
            name: scores(source if name == given.src else target, task) for name in given.scored
        },
        profile=PROFILE,
        seconds=12.0,
        **read_findings(extra or {}),
    )
    result.model.write_bytes(_network(given.to_json(), given.model, task, given.width))
    Image.fromarray(np.full((24, 48, 3), 127, np.uint8)).save(folder / "predictions-taco.png")
    runtime = Runtime(runs=runs, device="cpu", track=track, parent=parent, experiment=experiment)
    with tracked(plan_run(given), runtime, folder) as log:
        log.describe(_data(given))
        for step in range(10, given.steps + 1, 10):
            log.metrics({"loss": 2 / step, "supervised/main": 1 / step, "lr": 0.001}, step)
        log.result(result, baseline_of(result), [folder / "predictions-taco.png"])
    result.save()
    return result


def _data(given: Config) -> dict[Any, Dataset]:
    data: dict[Any, Dataset] = {"source": Pictures(given.src, 480)}
    return data if given.tgt is None else {**data, "target": Pictures(given.tgt, 105)}


def with_store(runs: Path) -> Path:
    """A folder of all runs with an empty MLflow store in it."""
    (make_folder(runs) / "mlflow.db").write_bytes(_empty_store())
    return runs


@cache
def _empty_store() -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "mlflow.db"
        connect(f"sqlite:///{path}")
        return path.read_bytes()


@cache
def _network(run: str, model: str, task: Task, width: float) -> bytes:
    """A deployed file; random, and the same in every process, with several classes an image."""
    with torch.random.fork_rng(), tempfile.TemporaryDirectory() as scratch:
        torch.manual_seed(0)
        network = create_network(model, task, width, {})
        for _ in range(10):
            network(torch.rand(2, 3, *SIZE))
        head = network.head.weight
        assert isinstance(head, torch.Tensor)
        torch.nn.init.normal_(head)
        path = Path(scratch) / "model.safetensors"
        save_deployed(
            path, network.eval(), Card(model, task.name, SIZE, width, run=json.loads(run))
        )
        return path.read_bytes()
