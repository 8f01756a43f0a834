"""Times an epoch over photographs of 12 megapixels: decoded each time, cold, and cached.

    python benchmarks/data_speed.py --out benchmarks/results/data_speed.json

The photographs and their masks are drawn by the synthetic twin of TACO, enlarged, with sensor
noise, and written as JPEG and PNG files. All epochs make the same kind of batches, and are timed in
turns in one process:

- *decoding*: every photograph is decoded, cut and resized, as without a cache;
- *cold*: the first epoch with an empty cache, which also shrinks and stores each photograph;
- *cached*: an epoch after that.

Then epochs follow each other, and the memory of all processes is read after each. Finally a
training loop on the cached photographs says which share of its time it waits for batches of its
workers. Its step is that of source-only with ENet, the shortest of all, so the hardest to keep up
with.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch import nn

from dagen.datasets.base import Dataset
from dagen.datasets.folder import Folder
from dagen.datasets.loading.batches import Feed, Sampling, Steps, batches
from dagen.datasets.loading.cache import cached
from dagen.datasets.loading.opening import open_dataset
from dagen.datasets.loading.workers import running
from dagen.engine.build import build_network, build_stack
from dagen.engine.loop import student_optimizer
from dagen.runs.config import Config, from_mapping
from dagen.runs.plan import plan_run
from dagen.system.device import describe
from dagen.system.memory import keep_freed_memory, release_freed_memory
from dagen.tracking.recording import commit
from dagen.types import Task

_NOISE = 4.0
"""Standard deviation of the sensor noise, in grey levels."""


def photographs(folder: Path, count: int, size: tuple[int, int]) -> Folder:
    """A data set of drawn photographs, of (H, W) pixels each, with masks."""
    drawn = open_dataset("taco-synth", "train", Task.BINARY)
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name / "train").mkdir(parents=True)
    for k in range(count):
        whole = cv2.resize(drawn.image(k % len(drawn)), size[::-1], interpolation=cv2.INTER_CUBIC)
        noise = rng.normal(0, _NOISE, (256, size[1], 1)).astype(np.float32)
        grain = np.tile(noise, (-(-size[0] // 256), 1, 1))[: size[0]]
        image = Image.fromarray((whole + grain).clip(0, 255).astype(np.uint8))
        image.save(folder / "images" / "train" / f"{k:04}.jpg", quality=92)
        mask = cv2.resize(
            drawn.label(k % len(drawn)), size[::-1], interpolation=cv2.INTER_NEAREST_EXACT
        )
        Image.fromarray(mask).save(folder / "masks" / "train" / f"{k:04}.png")
    return Folder(folder, "train", Task.BINARY)


def settings(size: tuple[int, int], batch: int) -> Config:
    """Source-only with ENet."""
    given = {"src": "taco-synth", "model": "enet", "size": size, "batch": batch}
    return from_mapping(given).source_only()


def steps_of(dataset: Dataset, config: Config, epochs: int) -> Steps:
    """The labelled batches of some epochs."""
    sampling = Sampling(config.size, config.batch, config.zoom, config.seed)
    count = epochs * len(dataset) // config.batch
    return Steps({"source": Feed(dataset, labelled=True)}, sampling, count)


def epochs(photos: Folder, config: Config, folder: Path, rounds: int) -> dict[str, Any]:
    """Milliseconds of a photograph in each kind of epoch, and how often the cache is faster."""
    height, width = config.size
    limit = round(height * config.zoom), round(width * config.zoom)
    taken: dict[str, list[float]] = {"decoding": [], "cold": [], "cached": []}
    for turn in range(rounds):
        kept = cached(photos, limit, folder / f"cache-{turn}")
        for name, dataset in (("decoding", photos), ("cold", kept), ("cached", kept)):
            source = steps_of(dataset, config, 1)
            started = time.perf_counter()
            for step in range(len(source)):
                source[step]
            spent = time.perf_counter() - started
            taken[name].append(1000 * spent / (len(source) * config.batch))
    found: dict[str, Any] = {f"{k}_ms": round(statistics.median(v), 2) for k, v in taken.items()}
    ratios = [a / b for a, b in zip(taken["decoding"], taken["cached"], strict=True)]
    return found | {"decoding_by_cached": round(statistics.median(ratios), 1)}


def waiting(kept: Dataset, config: Config, steps: int, workers: int) -> dict[str, float]:
    """The share of its time that a training loop waits for batches, after some steps."""
    network = build_network(config, Task.BINARY)
    stack = build_stack(plan_run(config), network).to(memory_format=torch.channels_last).train()
    optimizer = student_optimizer(network, config)
    source = steps_of(kept, config, 1 + (steps + 5) * config.batch // len(kept))
    waited, worked = 0.0, 0.0
    with running(batches(source, 0, workers)) as found:
        for step in range(steps + 5):
            begun = time.perf_counter()
            batch = next(found)
            got = time.perf_counter()
            losses, _ = stack(batch, step)
            torch.stack(list(losses.values())).sum().backward()
            nn.utils.clip_grad_norm_(network.parameters(), config.clip)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            if step >= 5:  # the workers have started
                waited += got - begun
                worked += time.perf_counter() - got
    return {
        "step_ms": round(1000 * worked / steps, 1),
        "waiting_ms": round(1000 * waited / steps, 2),
        "waiting_share": round(waited / (waited + worked), 4),
    }


def memory(kept: Dataset, config: Config, count: int, workers: int) -> list[float]:
    """Megabytes of this process and its workers after each of ``count`` epochs."""
    release_freed_memory()  # of the epochs before; a worker is a fork
    source = steps_of(kept, config, count)
    found: list[float] = []
    with running(batches(source, 0, workers)) as loader:
        for step, _ in enumerate(loader, start=1):
            if step * count // len(source) > len(found):
                workers_now = [each.pid for each in multiprocessing.active_children() if each.pid]
                found.append(round(sum(map(_megabytes, [os.getpid(), *workers_now])), 1))
    return found


def _megabytes(process: int) -> float:
    """Its own share of memory that is no file: mapped entries of the cache can be dropped."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    shares = [line.split() for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:"))]
    return sum(int(kilobytes) for _, kilobytes, _ in shares) / 1000


def measured(given: argparse.Namespace) -> dict[str, Any]:
    """All figures."""
    config = settings(given.size, given.batch)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        photos = photographs(folder / "photos", given.photographs, given.pixels)
        found = {"epoch": epochs(photos, config, folder, given.rounds)}
        height, width = config.size
        limit = round(height * config.zoom), round(width * config.zoom)
        kept = cached(photos, limit, folder / "cache-0")
        if Path("/proc/self/smaps_rollup").is_file():
            megabytes = memory(kept, config, given.epochs, given.workers)
            half = megabytes[len(megabytes) // 2]  # by then each process has reached its size
            growth = round(megabytes[-1] / half - 1, 4)
            found["memory"] = {"megabytes": megabytes, "growth_of_second_half": growth}
        found["loop"] = waiting(kept, config, given.steps, given.workers)
    return found


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    return int(height), int(width)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write one JSON file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photographs", type=int, default=48)
    parser.add_argument("--pixels", type=_size, default=(3000, 4000), help="HxW of a photograph")
    parser.add_argument("--size", type=_size, default=(224, 448), help="HxW of a sample")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each epoch")
    parser.add_argument("--steps", type=int, default=40, help="training steps that are timed")
    parser.add_argument("--epochs", type=int, default=20, help="epochs whose memory is read")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(arguments)
    keep_freed_memory()
    torch.set_num_threads(min(2, torch.get_num_threads()))
    asked = {key: value for key, value in vars(given).items() if key != "out"}
    machine = {
        "hardware": describe(torch.device("cpu")),
        "torch": torch.__version__,
        "commit": commit(),
        "load_before": round(os.getloadavg()[0], 1),
    }
    text = json.dumps(machine | asked | measured(given), indent=2)
    print(text, flush=True)
    if given.out:
        given.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
