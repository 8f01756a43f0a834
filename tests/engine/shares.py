"""Trains and scores in one process or as one of two: ``python -m tests.engine.shares FOLDER``."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dagen.api.networks import evaluate
from dagen.collective import sharing
from dagen.datasets.loading.opening import open_scored
from dagen.engine.loop import Hooks, fit
from dagen.engine.run import run
from dagen.engine.stack import Stack
from dagen.errors import DagenError
from dagen.models.base import create_network
from dagen.models.layers.sync_batch_norm import synchronise
from dagen.runs.config import Config, from_mapping
from dagen.runs.runtime import Runtime
from dagen.scoring.shared import dismiss, evaluate_shared, help_scoring
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.system.distributed import World, world
from dagen.types import Batch, SegOut, Task, View
from tests.toy import AuxToyNetwork, batch, setting, stacked

STEPS, HALF, IMAGES = 4, 2, 4


@dataclass(frozen=True)
class Job:
    """A stack of strategies on top of a toy network."""

    methods: tuple[str, ...]
    configs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    loss: str = "cross-entropy"
    batch_norm: str = "target"


ALL = 10_000
"""More cells than there are: a draw of so many takes all, whatever is drawn."""
JOBS = {
    "supervised": Job(("supervised",)),
    "loss": Job(("supervised",), loss="focal+dice+tversky+weighted+class-balanced"),
    "separate": Job(("supervised", "minent"), batch_norm="separate"),
    "coral": Job(("supervised", "coral")),
    "infomax": Job(("supervised", "infomax")),
    "advent": Job(("supervised", "advent")),
    "dann": Job(("supervised", "dann")),
    "fda": Job(("supervised", "fda")),
    "proda": Job(("supervised", "proda"), {"proda": {"start": 0.0}}),
    "cbst": Job(("supervised", "cbst"), {"cbst": {"start": 0.0, "sample": ALL}}),
    "teacher": Job(
        ("supervised", "teacher"),
        {"teacher": {"maps": "salience", "dice": 1.0, "channel_wise": 1.0}},
    ),
    "prototypes": Job(
        ("supervised", "prototypes"),
        {"prototypes": {"start": 0.0, "samples": ALL, "memory": ALL, "threshold": 0.2}},
    ),
    "shot": Job(("shot",), {"shot": {"start": 0.0, "sample": ALL, "memory": ALL}}),
    "swad": Job(
        ("supervised", "swad"),
        {"swad": {"segments": 2, "converge": 1, "tolerance": 1, "held_out": 2}},
    ),
    "features": Job(("features",)),
}
"""Strategies that draw nothing in a step, or draw all there is; at least one of every family."""

CONFIG: dict[str, Any] = {
    "src": "resortit", "tgt": "taco", "method": "teacher", "model": "icnet", "width": 0.25,
    "size": [64, 64], "steps": 3, "batch": 4, "warmup": 1, "candidates": 2, "select": "infomax",
    "sync_batch_norm": True, "parts": {"teacher": {"maps": "salience"}},
}  # fmt: skip


NARROW = {"enet": 0.25, "bisenet": 0.25, "bisenetv2": 0.25, "icnet": 0.25}
NETWORKS = (*NARROW, "lite")


class PlainToyNetwork(AuxToyNetwork):
    """Without a bias before batch norm: its gradient is noise, which Adam takes for a direction."""

    training_only = ("aux",)

    def __init__(self, num_classes: int, width: float = 1.0) -> None:
        super().__init__(num_classes, width)
        self.stem[0] = nn.Conv2d(3, 8, 4, 4, bias=False)


def stack_of(job: Job, task: Task = Task.MATERIAL) -> Stack:
    torch.manual_seed(0)
    student = PlainToyNetwork(task.num_classes)
    synchronise(student)
    facts = replace(setting(task, steps=STEPS), loss=job.loss)
    return stacked(student, job.methods, job.configs, facts, job.batch_norm)


def config(**values: Any) -> Config:
    return from_mapping({"task": "material", "steps": STEPS, "warmup": 0, "lr": 1e-3, **values})


def whole_batch(step: int) -> Batch:
    """All processes' images; those of rank 0 have fewer labelled pixels."""
    made = batch(Task.MATERIAL, 32, IMAGES, seed=step, maps=("salience",))
    assert made.source is not None and made.source.label is not None
    made.source.label[0, :20] = 255
    return made


def share(whole: Batch, place: World) -> Batch:
    own = slice(place.rank * IMAGES // place.size, (place.rank + 1) * IMAGES // place.size)

    def cut(view: View | None) -> View | None:
        assert view is not None
        label = None if view.label is None else view.label[own]
        maps = {name: x[own] for name, x in view.maps.items()}
        return View(view.image[own], view.index[own], label, maps=maps)

    return Batch(cut(whole.source), cut(whole.target))


def train(
    job: Job, place: World, folder: Path, end: int = STEPS, extra: nn.Module | None = None
) -> tuple[dict[str, Tensor], list[float]]:
    """All state after ``end`` steps, from the newest state in ``folder`` on, and the losses.

    No loss depends on the parameters of ``extra``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stack, losses = stack_of(job), list[float]()
    if extra is not None:
        stack.extra = extra

    def batches(start: int) -> Iterator[Batch]:
        return (share(whole_batch(step), place) for step in range(start, end))

    hooks = Hooks(
        on_step=lambda step, figures: losses.append(figures["loss"]), log_every=1, save_every=1
    )
    fit(stack, batches, config(), place, folder, hooks=hooks)
    return stack.state_dict(), losses


def gradients(name: str, place: World) -> dict[str, Tensor]:
    """Gradients and running statistics of a network after one pass, in float64."""
    torch.manual_seed(0)
    network = create_network(name, Task.MATERIAL, NARROW.get(name, 1.0), {}).double().train()
    for module in network.modules():
        if isinstance(module, nn.Dropout | nn.Dropout2d):
            module.p = 0.0
    synchronise(network)
    images, weight = torch.rand(2, 3, 64, 64).double(), torch.rand(2, 5, 1, 1).double()
    own = slice(place.rank * 2 // place.size, (place.rank + 1) * 2 // place.size)
    with sharing():
        out: SegOut = network(images[own])
    loss = sum((x.softmax(1) * weight[own]).mean() for x in (out.logits, *out.aux))
    assert isinstance(loss, Tensor)
    loss.backward()
    found = {n: x.grad for n, x in network.named_parameters() if x.grad is not None}
    mean = {name: place.total(x) / place.size for name, x in found.items()}
    return {**mean, **dict(network.named_buffers())}


def predictor() -> TorchPredictor:
    torch.manual_seed(0)
    network = create_network("bisenet", Task.MATERIAL, 0.25, {})
    return TorchPredictor(network, Task.MATERIAL, (32, 64))


def counts(place: World, data: Path) -> Tensor:
    """The confusion matrix of one network, over an odd number of images."""
    if place.main:
        dataset = open_scored("taco", Task.MATERIAL, data)
        scores = evaluate_shared(predictor(), "taco", dataset, place)
        dismiss(place)
        return scores.confusion
    help_scoring(place, data)
    return torch.zeros(0)


def runtime(runs: Path, data: Path) -> Runtime:
    return Runtime(runs=runs, data_root=data, device="cpu", workers=0, track=False, quiet=True)


def main(folder: Path) -> None:
    data = folder / "data"
    with world("cpu") as place:
        found: dict[str, Any] = {
            name: train(job, place, folder / "two" / name) for name, job in JOBS.items()
        }
        found["halved"] = train(JOBS["advent"], place, folder / "by-two", HALF)
        found["resumed"] = train(JOBS["advent"], place, folder / "by-one")
        found |= {name: gradients(name, place) for name in NETWORKS}
        found["counts"] = counts(place, data)
        found["evaluated"] = evaluate(predictor(), data="taco", data_root=data)
        run(from_mapping(CONFIG), runtime(folder / "runs-of-two", data))
    try:
        with world("cpu") as place:
            train(JOBS["supervised"], place, folder / "unused", extra=nn.Linear(1, 1))
    except DagenError as error:
        found["refused"] = str(error)
    torch.save(found, folder / f"rank{place.rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
