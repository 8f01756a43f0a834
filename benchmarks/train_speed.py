"""Times an adaptation step of dagen against a plain one, written as in the ADVENT paper.

    python benchmarks/train_speed.py --steps 40 --out benchmarks/results/train_speed.json

Both train ENet with ADVENT on the same batches of 4 source and 4 target images of 192x192. The
plain step works like the papers' code: two forwards, logits enlarged to the input, a discriminator
at the input's resolution, the alternating order of backward passes, float32, contiguous layout.
Both are timed in turns in one process, so that a busy machine slows both.

``--scores`` trains with each for some hundred steps on the synthetic twins with several seeds and
scores both on the target, to show that the faster step learns as much.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dagen.datasets.loading.batches import Feed, Sampling, Steps
from dagen.datasets.loading.cache import cached
from dagen.datasets.loading.opening import open_dataset
from dagen.engine.build import build_network, build_stack
from dagen.engine.loop import schedule, student_optimizer
from dagen.models.base import Network
from dagen.runs.config import Config, from_mapping
from dagen.runs.plan import plan_run
from dagen.scoring.evaluation import evaluate
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.system.memory import keep_freed_memory
from dagen.types import IGNORE, Batch, Task

SIZE, BATCH = (192, 192), 4


class PlainStep:
    """ADVENT (Vu et al., 2019, section 3.2 and its training details), without rearrangement.

    As in the paper, the auxiliary head has a discriminator of its own.
    """

    def __init__(self, network: Network, config: Config) -> None:
        self.network, self.config = network.train(), config
        self.shares = (1.0, *network.aux_weights)
        self.weights = (0.001, *(0.0002 for _ in network.aux_weights))
        self.judges = nn.ModuleList(_judge(network.num_classes) for _ in self.weights)
        self.optimizer = student_optimizer(network, config)
        self.judging = torch.optim.Adam(self.judges.parameters(), lr=1e-4, betas=(0.9, 0.99))
        self.rates = [[g["lr"] for g in o.param_groups] for o in (self.optimizer, self.judging)]

    def __call__(self, batch: Batch, step: int) -> float:
        """One step; returns the supervised loss of the main head before it."""
        assert batch.source is not None and batch.target is not None
        label = batch.source.label
        assert label is not None
        self._schedule(step)
        self.optimizer.zero_grad()
        self.judging.zero_grad()
        self.judges.requires_grad_(False)

        source = self._logits(batch.source.image)
        terms = [F.cross_entropy(logits, label, ignore_index=IGNORE) for logits in source]
        torch.stack([s * t for s, t in zip(self.shares, terms, strict=True)]).sum().backward()
        target = self._logits(batch.target.image)
        fooled = [
            weight * self._verdict(judge, logits, 1.0)
            for weight, judge, logits in zip(self.weights, self.judges, target, strict=True)
        ]
        torch.stack(fooled).sum().backward()

        self.judges.requires_grad_(True)
        for judge, ours, theirs in zip(self.judges, source, target, strict=True):
            (self._verdict(judge, ours.detach(), 1.0) / 2).backward()
            (self._verdict(judge, theirs.detach(), 0.0) / 2).backward()

        nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        self.optimizer.step()
        self.judging.step()
        return float(terms[0].detach())

    def _logits(self, image: Tensor) -> list[Tensor]:
        out = self.network(image)
        size = image.shape[2:]
        return [
            F.interpolate(logits, size, mode="bilinear", align_corners=False)
            for logits in (out.logits, *out.aux)
        ]

    def _information(self, logits: Tensor) -> Tensor:
        p = logits.softmax(1)
        return -p * torch.log2(p + 1e-30) / math.log2(p.shape[1])

    def _verdict(self, judge: nn.Module, logits: Tensor, label: float) -> Tensor:
        verdict = judge(self._information(logits))
        return F.binary_cross_entropy_with_logits(verdict, torch.full_like(verdict, label))

    def _schedule(self, step: int) -> None:
        scale = schedule(step, self.config)
        for optimizer, rates in zip((self.optimizer, self.judging), self.rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * scale


def _judge(classes: int) -> nn.Sequential:
    """The paper's discriminator: five 4x4 convolutions with stride 2."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise([classes, 64, 128, 256, 512]):
        layers += [nn.Conv2d(inputs, outputs, 4, 2, 1), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(512, 1, 4, 2, 1))


class DagenStep:
    """The same step with dagen's stack, as in ``dagen.engine.loop.fit``."""

    def __init__(self, network: Network, config: Config) -> None:
        self.stack = build_stack(plan_run(config), network).to(memory_format=torch.channels_last)
        self.stack.train()
        self.config = config
        self.optimizers = [student_optimizer(network, config), *self.stack.optimizers()]
        self.rates = [[g["lr"] for g in o.param_groups] for o in self.optimizers]

    def __call__(self, batch: Batch, step: int) -> float:
        """One step; returns the supervised loss before it."""
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
        return float(losses["supervised/main"].detach())


def settings(steps: int, seed: int = 0, size: tuple[int, int] = SIZE) -> Config:
    """ENet with ADVENT on the twins, both domains in the batch-norm statistics as in the paper."""
    return from_mapping(
        dict(
            src="resortit-synth", tgt="taco-synth", method="advent", model="enet", size=size,
            batch=BATCH, steps=steps, seed=seed, batch_norm="shared",
        )
    )  # fmt: skip


def feed(config: Config) -> Steps:
    """The batches for both steps."""
    feeds = {}
    limit = (round(config.size[0] * config.zoom), round(config.size[1] * config.zoom))
    for domain, name in (("source", config.src), ("target", str(config.tgt))):
        images = cached(open_dataset(name, "train", Task.named(config.task)), limit)
        feeds[domain] = Feed(images, domain == "source")
    sampling = Sampling(config.size, config.batch, config.zoom, config.seed)
    return Steps(feeds, sampling, config.steps)  # type: ignore[arg-type]


def speed(steps: int) -> dict[str, float]:
    """Images per second of both steps, timed in turns over the same batches."""
    config = settings(steps + 3)
    source = feed(config)
    plain = PlainStep(build_network(config, Task.named(config.task)), config)
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
    medians = {name: statistics.median(times[3:]) for name, times in spent.items()}
    return {
        "plain_images_per_second": 2 * BATCH / medians["plain"],
        "dagen_images_per_second": 2 * BATCH / medians["dagen"],
        "ratio": medians["plain"] / medians["dagen"],
        "first_supervised_loss_difference": abs(losses["plain"][0] - losses["dagen"][0]),
    }


def scores(steps: int, seeds: int, size: tuple[int, int]) -> Iterator[dict[str, float]]:
    """Waste IoU on the target twin after training with each step, seed by seed."""
    kinds: dict[str, Callable[[Network, Config], PlainStep | DagenStep]] = {
        "plain": PlainStep,
        "dagen": DagenStep,
    }
    for seed in range(seeds):
        config = settings(steps, seed, size)
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
    given = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(min(2, torch.get_num_threads()))
    found: dict[str, object] = {"torch": torch.__version__, "threads": torch.get_num_threads()}
    found |= speed(given.steps)
    print(json.dumps(found, indent=2), flush=True)
    if given.scores:
        size = (given.score_size, given.score_size)
        rows = list(scores(given.score_steps, given.scores, size))
        gaps = [row["dagen"] - row["plain"] for row in rows]
        found["scores"] = rows
        found["mean_gap"] = statistics.mean(gaps)
        found["standard_error"] = statistics.stdev(gaps) / math.sqrt(len(gaps))
    if given.out:
        given.out.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
