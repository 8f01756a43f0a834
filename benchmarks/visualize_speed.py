"""Times the feature map of 20,000 points: features of two networks, then one UMAP.

    python benchmarks/visualize_speed.py --out benchmarks/results/visualize_speed.json

Two ENets on the ``val`` splits of the synthetic twins at 224x448, in two threads. The time covers
``dagen visualize`` from the first label to the finished map, including UMAP's own import and
compilation. The networks are untrained; their arithmetic is the same. ``load_before`` shows whether
others used the machine: on two free cores it is below 1.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path

# Set before torch is imported: threads that spin while waiting would count as work.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

from dagen.datasets.loading.opening import open_dataset
from dagen.models.base import create_network
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import save_deployed
from dagen.system.memory import keep_freed_memory
from dagen.system.progress import Progress
from dagen.types import Task
from dagen.visualization import embedding, networks, sampling, survey, surveying

SIZE, LIMIT_SECONDS = (224, 448), 120
TASK = Task.MATERIAL
IMAGES = 200  # of each data set, as dagen visualize takes by default


def made(folder: Path) -> list[networks.Checkpoint]:
    paths = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        paths.append(folder / f"enet-{seed}.safetensors")
        save_deployed(
            paths[-1], create_network("enet", TASK, 1.0, {}), Card("enet", "material", SIZE)
        )
    return networks.open_all(paths)


def measure(points: int, threads: int) -> dict[str, object]:
    keep_freed_memory()
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as scratch:
        opened = made(Path(scratch))
    found = []
    for name in ("resortit-synth", "taco-synth"):
        dataset = open_dataset(name, "val", TASK)
        found.append(survey.Side(name, dataset, sampling.evenly(len(dataset), IMAGES)))
    sides = found[0], found[1]
    count = sum(len(side.chosen) for side in sides)
    quota = points // (2 * len(opened) * TASK.num_classes)
    seconds: dict[str, float] = {}
    load, cpu = os.getloadavg()[0], time.process_time()
    with Progress() as progress:
        start = time.monotonic()
        bar = progress.task("drawing points", count)
        drawn = surveying.draw_points(sides, surveying.feature_grid(opened), quota, 0, bar.advance)
        seconds["drawing points"] = time.monotonic() - start
        start = time.monotonic()
        bar = progress.task("features", count)
        seen = surveying.look(opened, sides, drawn, 0, torch.device("cpu"), bar.advance)
        seconds["features"] = time.monotonic() - start
        start = time.monotonic()
        layout = progress.task("map", 100)
        embedding.joint_map(seen.features, 0, lambda share: layout.update(round(100 * share)))
        seconds["map"] = time.monotonic() - start
    total = sum(seconds.values())
    return {
        "points": len(drawn) * len(opened),
        "images": count,
        "threads": threads,
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "total": round(total, 1),
        "within_two_minutes": total <= LIMIT_SECONDS,
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "load_before": round(load, 1),
        "hardware": platform.machine(),
        "torch": torch.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="JSON file to write as well")
    given = parser.parse_args()
    text = json.dumps(measure(given.points, given.threads), indent=2)
    print(text)
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
