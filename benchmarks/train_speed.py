"""Times a training step of dagen against a plain one, written as in the paper.

    python benchmarks/train_speed.py --steps 40 --out benchmarks/results/train_speed.json
    python benchmarks/train_speed.py --compile
    python benchmarks/train_speed.py --model bisenet --method dacs

Both train one network (ENet) with one strategy (ADVENT) on the same batches of 4 source and 4
target images of 192x192. The plain step (``plain_steps.py``) works like the papers' code. Both are
timed in turns in one process, so that a busy machine slows both. With ``--compile`` dagen's step is
that of a run with ``compile = true``, and the plain step stays as it is; compiling is not timed
with the steps, and its seconds stand beside them.

``--scores`` trains with each for some hundred steps on the synthetic twins with several seeds and
scores both on the target, to show that the faster step learns as much.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from plain_steps import STEPS, Plain
from torch import nn

from dagen.datasets.loading.batches import Feed, Sampling, Steps
from dagen.datasets.loading.cache import cached
from dagen.datasets.loading.opening import open_dataset
from dagen.engine.build import build_network, build_stack
from dagen.engine.compiler import require_compiler
from dagen.engine.compiling import compiling
from dagen.engine.feeds import open_feeds
from dagen.engine.loop import schedule, student_optimizer
from dagen.models.base import Network
from dagen.runs.compiled import PLAIN_STEPS
from dagen.runs.config import Config, from_mapping
from dagen.runs.plan import plan_run
from dagen.scoring.evaluation import evaluate
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.system.device import describe
from dagen.system.distributed import ALONE
from dagen.system.memory import keep_freed_memory
from dagen.tracking.recording import commit
from dagen.types import Batch, Task

SIZE, BATCH = (192, 192), 4


class DagenStep:
    """The same step with dagen's stack, as in ``dagen.engine.loop.fit``."""

    def __init__(self, network: Network, config: Config) -> None:
        self.stack = build_stack(plan_run(config), network).to(memory_format=torch.channels_last)
        self.stack.train()
        self.config = config
        self.optimizers = [student_optimizer(network, config), *self.stack.optimizers()]
        self.rates = [[g["lr"] for g in o.param_groups] for o in self.optimizers]
        self._around = ExitStack()  # kept: it ends with this object
        self.pace = self._around.enter_context(
            compiling(self.stack, self.optimizers, config, ALONE)
        )

    def __call__(self, batch: Batch, step: int) -> float:
        """One step; returns the supervised loss before it."""
        self.pace.begin(step)
        scale = schedule(step, self.config)
        for optimizer, rates in zip(self.optimizers, self.rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * scale
        losses, _ = self.stack(batch.to(torch.device("cpu")), step)
        torch.stack(list(losses.values())).sum().backward()
        nn.utils.clip_grad_norm_(self.stack.student.parameters(), self.config.clip)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.stack.after_step(step)
        self.pace.end()
        return float(losses["supervised/main"].detach())


def settings(
    steps: int,
    seed: int = 0,
    size: tuple[int, int] = SIZE,
    *,
    model: str = "enet",
    method: str = "advent",
    compile: bool = False,
) -> Config:
    """A run on the twins, both domains in the batch-norm statistics as in the papers."""
    own = {"parts": {"dacs": {"start": 0.0}}} if method == "dacs" else {}
    return from_mapping(
        dict(
            src="resortit-synth", tgt="taco-synth", method=method, model=model, size=size,
            batch=BATCH, steps=steps, seed=seed, batch_norm="shared", compile=compile, **own,
        )
    )  # fmt: skip


def feed(config: Config) -> Steps:
    """The batches for both steps."""
    feeds = {}
    limit = (round(config.size[0] * config.zoom), round(config.size[1] * config.zoom))
    target = open_feeds(plan_run(config), None).get("target")
    maps = {} if target is None else target.maps
    for domain, name in (("source", config.src), ("target", str(config.tgt))):
        images = cached(open_dataset(name, "train", Task.named(config.task)), limit)
        labelled = domain == "source"
        feeds[domain] = Feed(images, labelled, maps={} if labelled else maps)
    sampling = Sampling(config.size, config.batch, config.zoom, config.seed)
    return Steps(feeds, sampling, config.steps)  # type: ignore[arg-type]


def speed(steps: int, method: str, **values: Any) -> dict[str, float]:
    """Images per second of both steps, timed in turns over the same batches."""
    first = PLAIN_STEPS + 3
    config = settings(steps + first, method=method, **values)
    if config.compile:
        require_compiler(torch.device("cpu"))
    source = feed(config)
    plain = STEPS[method](build_network(config, Task.named(config.task)), config)
    ours = DagenStep(build_network(config, Task.named(config.task)), config)
    spent: dict[str, list[float]] = {"plain": [], "dagen": []}
    losses: dict[str, list[float]] = {"plain": [], "dagen": []}
    for step in range(config.steps):
        batch = source[step]
        for name, run in (("plain", plain), ("dagen", ours)):
            torch.manual_seed(step)  # the same dropout
            started = time.perf_counter()
            losses[name].append(run(batch, step))
            spent[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(times[first:]) for name, times in spent.items()}
    compiled = ours.pace.found()
    return {
        "plain_images_per_second": 2 * BATCH / medians["plain"],
        "dagen_images_per_second": 2 * BATCH / medians["dagen"],
        "ratio": medians["plain"] / medians["dagen"],
        "first_supervised_loss_difference": abs(losses["plain"][0] - losses["dagen"][0]),
        **({} if compiled is None else {"seconds_of_compiling": compiled.seconds}),
    }


def scores(
    steps: int, seeds: int, size: tuple[int, int], method: str, **values: Any
) -> Iterator[dict[str, float]]:
    """Waste IoU on the target twin after training with each step, seed by seed."""
    kinds: dict[str, Callable[[Network, Config], Plain | DagenStep]] = {
        "plain": STEPS[method],
        "dagen": DagenStep,
    }
    for seed in range(seeds):
        config = settings(steps, seed, size, method=method, **values)
        source = feed(config)
        row: dict[str, float] = {"seed": seed}
        for name, kind in kinds.items():
            network = build_network(config, Task.named(config.task))
            run = kind(network, config)
            for step in range(steps):
                torch.manual_seed(step)
                run(source[step], step)
            target = open_dataset("taco-synth", "val", Task.named(config.task))
            predictor = TorchPredictor(network, target.task, config.size)
            row[name] = evaluate(predictor, target).waste_iou
        print(json.dumps(row), flush=True)
        yield row


def main() -> None:
    """Measure and write one JSON file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=40, help="timed steps of each")
    parser.add_argument("--scores", type=int, default=0, metavar="SEEDS")
    parser.add_argument("--score-steps", type=int, default=200)
    parser.add_argument("--score-size", type=int, default=SIZE[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--model", default="enet", help="a network of `dagen list models`")
    parser.add_argument("--method", default="advent", choices=STEPS)
    parser.add_argument("--compile", action="store_true", help="compile dagen's step")
    given = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(min(2, torch.get_num_threads()))
    found: dict[str, object] = {
        "hardware": describe(torch.device("cpu")),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "commit": commit() or "unknown",
    }
    what = {"model": given.model, "method": given.method, "compile": given.compile}
    found |= what | speed(given.steps, **what)
    print(json.dumps(found, indent=2), flush=True)
    if given.scores:
        size = (given.score_size, given.score_size)
        rows = list(scores(given.score_steps, given.scores, size, **what))
        gaps = [row["dagen"] - row["plain"] for row in rows]
        found["scores"] = rows
        found["mean_gap"] = statistics.mean(gaps)
        found["standard_error"] = statistics.stdev(gaps) / math.sqrt(len(gaps))
    if given.out:
        given.out.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
