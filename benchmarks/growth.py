"""Measures time and memory against images, pixels, classes, strategies, processes and cells.

    python benchmarks/growth.py --out benchmarks/results/growth.json

Each point is a process of its own, so that its peak memory is its own; all points of an axis are
measured one after the other, in several rounds, and the fastest round counts, because whatever else
a machine does only adds time. Networks are trained for a few steps on the synthetic twins.

``--only pixels --rounds 1`` measures one axis, once.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__)
_STEPS, _WARM = 5, 2


@dataclass(frozen=True)
class Axis:
    """Something that can grow.

    Attributes:
        counts: what is counted.
        values: the points.
        does: what is timed, in words.
        measure: does it at a point; returns its seconds, and how often that was.
    """

    counts: str
    values: tuple[int, ...]
    does: str
    measure: Callable[[int], tuple[float, int]]


def images(count: int) -> tuple[float, int]:
    """Opens a folder of so many images, and draws the images of one batch."""
    from PIL import Image

    from dagen.datasets.folder import Folder
    from dagen.datasets.loading.batches import Feed, Sampling, Steps
    from dagen.types import Task

    with tempfile.TemporaryDirectory() as folder:
        split = Path(folder) / "many" / "images" / "train"
        split.mkdir(parents=True)
        Image.new("RGB", (64, 64), "grey").save(Path(folder) / "one.png")
        for i in range(count):
            (split / f"{i:07}.png").symlink_to("../../../one.png")
        started = time.perf_counter()
        dataset = Folder(Path(folder) / "many", "train", Task.BINARY)
        steps = Steps({"target": Feed(dataset, False)}, Sampling((64, 64), 4, 1.0, 0), 1)
        assert steps[0].target is not None
        return time.perf_counter() - started, 1


def _training(**settings: Any) -> tuple[float, int]:
    """Training steps with ADVENT on ENet, unless told otherwise."""
    import torch
    from train_speed import DagenStep, feed

    from dagen.engine.build import build_network
    from dagen.runs.config import from_mapping
    from dagen.types import Task

    torch.set_num_threads(1)
    config = from_mapping(
        {
            "src": "resortit-synth", "tgt": "taco-synth", "model": "enet", "method": ["advent"],
            "task": "binary", "size": (96, 96), "batch": 4, "steps": _WARM + _STEPS, "seed": 0,
            **settings,
        }
    )  # fmt: skip
    source = feed(config)
    batches = [source[step] for step in range(config.steps)]
    step = DagenStep(build_network(config, Task.named(config.task)), config)
    for i in range(_WARM):
        step(batches[i], i)
    started = time.perf_counter()
    for i in range(_WARM, config.steps):
        step(batches[i], i)
    return time.perf_counter() - started, _STEPS


def pixels(count: int) -> tuple[float, int]:
    """Trains on square images of so many pixels."""
    side = math.isqrt(count)
    return _training(size=(side, side))


def classes(count: int) -> tuple[float, int]:
    """Trains a network with so many classes, with cross-entropy and ADVENT's entropy maps."""
    import torch
    from torch.nn import functional as F

    from dagen.losses import self_information
    from dagen.models.enet import ENet

    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = ENet(count).train().to(memory_format=torch.channels_last)
    image = torch.rand(4, 3, 96, 96).contiguous(memory_format=torch.channels_last)
    label = torch.randint(count, (4, 96, 96))

    def step() -> None:
        logits = network(image).logits
        loss = F.cross_entropy(logits, label) + self_information(logits.softmax(1)).mean()
        network.zero_grad()
        loss.backward()

    for _ in range(_WARM):
        step()
    started = time.perf_counter()
    for _ in range(_STEPS):
        step()
    return time.perf_counter() - started, _STEPS


_STACK = ("minent", "maxsquare", "coral", "mean-teacher", "dacs", "infomax")


def strategies(count: int) -> tuple[float, int]:
    """Trains with a stack of so many strategies."""
    return _training(method=list(_STACK[:count]) or ["supervised"])


def processes(count: int) -> tuple[float, int]:
    """Makes batches with so many loader processes; with none, the main process makes them."""
    from train_speed import feed

    from dagen.datasets.loading.batches import batches
    from dagen.datasets.loading.workers import running
    from dagen.runs.config import from_mapping

    total = 32
    config = from_mapping(
        dict(
            src="resortit-synth", tgt="taco-synth", model="enet", method=["advent"], task="binary",
            size=(192, 192), batch=4, steps=total + 8, seed=0,
        )
    )  # fmt: skip
    with running(batches(feed(config), 0, count)) as made:
        for _ in range(8):  # the processes have started, and the cache is warm
            next(made)
        started = time.perf_counter()
        for _ in range(total):
            next(made)
        return time.perf_counter() - started, total


def cells(count: int) -> tuple[float, int]:
    """Reads a benchmark of so many cells, and writes the tables of its records."""
    from dagen.benchmarking.reading import load
    from dagen.benchmarking.tables import writing
    from dagen.benchmarking.tables.records import Record

    rows = "".join(
        f"[[row]]\nname = 'r{i}'\nmethod = 'minent'\nlr = {1e-4 * (i + 1)}\n"
        for i in range(count // 3)
    )
    base = "[base]\nsrc = 'resortit'\ntgt = 'taco'\ntask = 'binary'\n[grid]\nseed = [0, 1, 2]\n"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "many.toml"
        file.write_text(base + rows, encoding="utf-8")
        started = time.perf_counter()
        benchmark = load(file)
        scores = {"waste_iou": 0.3, "miou": 0.5, "pixel_accuracy": 0.9, "ece": 0.1}
        records = [
            Record(
                row=cell.row, model=cell.config.model, task="binary", seed=cell.config.seed,
                source=cell.source, target=cell.target, axes={}, run=cell.config.name,
                config=cell.config.to_dict(), commit="c", torch="t", hardware="h",
                scores={"resortit": scores, "taco": scores}, seconds=1.0,
                profile={"parameters": 1.0, "macs": 1.0, "flops": 2.0, "bytes": 4.0},
            )
            for cell in benchmark.cells
        ]  # fmt: skip
        writing.write(Path(folder), "many", records, "Many", "", len(records))
        return time.perf_counter() - started, 1


AXES: Mapping[str, Axis] = {
    "images": Axis(
        "images", (1_000, 10_000, 100_000, 300_000), "opening a folder and one batch", images
    ),
    "pixels": Axis(
        "pixels of an image",
        tuple(side * side for side in (64, 96, 128, 192, 256)),
        "a step of ADVENT on ENet, batch 4",
        pixels,
    ),
    "classes": Axis(
        "classes", (2, 19, 50, 100, 150), "a forward and backward pass of ENet, 96x96", classes
    ),
    "strategies": Axis(
        "stacked strategies", (0, 1, 2, 3, 4, 5, 6), "a step of ENet, 96x96, batch 4", strategies
    ),
    "processes": Axis("loader processes", (0, 1, 2), "a batch of 4 and 4 at 192x192", processes),
    "cells": Axis("cells of a grid", (30, 90, 300, 900), "reading it, writing its tables", cells),
}


def point(axis: str, value: int) -> dict[str, float]:
    """One point, in this process: seconds of one time, and its peak memory in megabytes."""
    seconds, times = AXES[axis].measure(value)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # the largest one of them
    return {"at": value, "seconds": seconds / times, "megabytes": (own + children) / 1e3}


def measured(axis: str, rounds: int) -> list[dict[str, float]]:
    """All points of an axis; of each the fastest round."""
    found: dict[int, list[dict[str, float]]] = {}
    for _ in range(rounds):
        for value in AXES[axis].values:
            command = [sys.executable, str(HERE), "--point", axis, str(value)]
            quiet = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=quiet)
            found.setdefault(value, []).append(json.loads(done.stdout.splitlines()[-1]))
    return [min(each, key=lambda one: one["seconds"]) for each in found.values()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write, or print one point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", choices=AXES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--point", nargs=2, metavar=("AXIS", "VALUE"))
    given = parser.parse_args(arguments)
    if given.point:
        print(json.dumps(point(given.point[0], int(given.point[1]))))
        return
    import torch

    from dagen.system.device import describe
    from dagen.tracking.recording import commit

    torch.set_num_threads(1)
    axes = {}
    for name in [given.only] if given.only else AXES:
        told = {"counts": AXES[name].counts, "does": AXES[name].does}
        axes[name] = {**told, "points": measured(name, given.rounds)}
        print(f"{name}: {axes[name]['points']}", flush=True)
    result = {
        "hardware": describe(torch.device("cpu")), "torch": torch.__version__, "commit": commit(),
        "rounds": given.rounds, "axes": axes,
    }  # fmt: skip
    if given.out:
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
