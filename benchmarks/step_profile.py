"""Shows where the time of a training step goes, for every network and a strategy of each family.

    python benchmarks/step_profile.py --out benchmarks/results/step_profile.json

Each network and strategy is trained for a few steps on the synthetic twins, at 160x160, 4 source
and 4 target images, on one thread, under PyTorch's profiler. Every operator's own time counts for
one kind of work. The profiler itself takes time for every operator, so shares of small operators
are a little too large; the seconds of a step are measured without it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile
from train_speed import DagenStep, feed

from dagen.engine.build import build_network
from dagen.runs.config import from_mapping
from dagen.system.device import describe
from dagen.system.memory import keep_freed_memory
from dagen.tracking.recording import commit
from dagen.types import Task

SIZE, BATCH = (160, 160), 4
NETWORKS = ("enet", "bisenet", "icnet", "lite")
STRATEGIES = (
    "supervised", "mixstyle", "fda", "coral", "advent", "minent", "dacs", "prototypes",
)  # fmt: skip
"""The source alone, and one strategy of each family."""
_WARM, _STEPS = 3, 5

KINDS: dict[str, tuple[str, ...]] = {
    "convolution, backward": ("convolution_backward", "conv2d_backward"),
    "convolution": ("convolution", "conv2d", "linear", "addmm", "matmul", "bmm"),
    "batch norm": ("batch_norm",),
    "activation": ("relu", "hardtanh", "clamp", "sigmoid"),
    "resizing and pooling": ("upsample", "pool", "shuffle"),
    "losses": ("softmax", "nll_loss", "log", "exp", "kl_div", "binary_cross"),
    "optimiser": ("optimizer", "addcdiv", "addcmul", "lerp", "vector_norm"),
    "copies": ("copy", "contiguous", "clone", "cat", "fill", "zero"),
}
"""Kinds of work, and parts of the names of their operators; the first kind that fits counts."""


def kind_of(operator: str) -> str:
    """The kind of work that an operator's own time counts for."""
    name = operator.lower()
    if not name.startswith(("aten::", "optimizer")):
        return "other"
    return next((kind for kind, parts in KINDS.items() if any(p in name for p in parts)), "other")


def measured(model: str, method: str) -> dict[str, Any]:
    """Seconds of a step, and the share of each kind of work."""
    config = from_mapping(
        dict(
            src="resortit-synth", tgt="taco-synth", method=method.split(","), model=model,
            task="binary", size=SIZE, batch=BATCH, steps=_WARM + 2 * _STEPS, seed=0,
        )
    )  # fmt: skip
    source = feed(config)
    step = DagenStep(build_network(config, Task.named(config.task)), config)
    batches = [source[i] for i in range(config.steps)]
    spent = []
    for i in range(_WARM + _STEPS):
        started = time.perf_counter()
        step(batches[i], i)
        spent.append(time.perf_counter() - started)
    with profile(activities=[ProfilerActivity.CPU]) as found:
        for i in range(_WARM + _STEPS, config.steps):
            step(batches[i], i)
    own: Counter[str] = Counter()
    for event in found.key_averages():
        own[kind_of(event.key)] += event.self_cpu_time_total
    total = sum(own.values())
    return {
        "model": model, "method": method, "seconds": statistics.median(spent[_WARM:]),
        "shares": {kind: own[kind] / total for kind in (*KINDS, "other")},
    }  # fmt: skip


def lines() -> Iterator[dict[str, Any]]:
    """Every network with every strategy."""
    for model in NETWORKS:
        for method in STRATEGIES:
            yield measured(model, method)


def main() -> None:
    """Measure and write one JSON file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(1)
    rows = []
    for row in lines():
        rows.append(row)
        top = sorted(row["shares"].items(), key=lambda part: -part[1])[:4]
        told = ", ".join(f"{kind} {share:.0%}" for kind, share in top)
        print(f"{row['model']}, {row['method']}: {row['seconds']:.3f} s; {told}", flush=True)
    found = {
        "hardware": describe(torch.device("cpu")), "torch": torch.__version__, "commit": commit(),
        "size": SIZE, "batch": BATCH, "rows": rows,
    }  # fmt: skip
    if given.out:
        given.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
