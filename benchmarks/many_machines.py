"""Shows that a grid on many machines survives them, and gives what one process gives.

    python benchmarks/many_machines.py --out benchmarks/results/many_machines.md

A Ray cluster of three nodes, each a process of its own with one core, is started on this machine.
``dagen benchmark --engine ray`` runs a small grid on it: rows that start from another row and that
learn from one are in it. When all three nodes are busy, one is killed; a while later, the command
is killed, too, and started again. Then the same grid runs on this machine without Ray, one cell
after the other. Scores, settings and deployed files of every cell have to be the same.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dagen.benchmarking.cells import Cell
from dagen.benchmarking.collecting import steps_done
from dagen.benchmarking.reading import load
from dagen.runs import results
from dagen.runs.history import read_records
from dagen.tracking.recording import commit

GRID = """
title = "Many machines"

[base]
src = "resortit-synth"
tgt = "taco-synth"
task = "binary"
size = [64, 64]
steps = 100
batch = 4
width = 0.25

[grid]
model = ["enet"]
seed = [0]

[[row]]
name = "source-only"
tgt = "none"

[[row]]
name = "advent"
method = "advent"

[[row]]
name = "minent"
method = "minent"

[[row]]
name = "continued"
method = "minent"
init = "row:source-only"

[[row]]
name = "taught"
method = "distill"
distill.teacher = "row:advent"
"""
STORE = 80 * 2**20  # bytes of shared memory of a node
SAVED = 55  # steps after which a cell has a state to resume from
PATIENCE = 900.0  # seconds


def command(file: Path, runs: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    """``dagen benchmark``; its messages are kept, its tables are not shown."""
    words = [sys.executable, "-m", "dagen", "benchmark", str(file), "--runs", str(runs)]
    words += ["--out", str(out), "--device", "cpu", "--workers", "0", "--no-track", *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def until(ready: Callable[[], bool], driver: subprocess.Popen[str], what: str) -> None:
    """Wait for a moment of the grid; exit if it does not come."""
    end = time.monotonic() + PATIENCE
    while not ready():
        if driver.poll() is not None or time.monotonic() > end:
            driver.terminate()
            sys.exit(f"{what}: this moment did not come; {driver.communicate()[1]}")
        time.sleep(0.1)
    say(f"{what}.")


def say(text: str) -> None:
    """Tell what happens, with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def ended(driver: subprocess.Popen[str]) -> str:
    """The messages of a command that has to succeed."""
    _, told = driver.communicate()
    if driver.returncode != 0:
        sys.exit(f"the benchmark ended with {driver.returncode}: {told}")
    return told


def under_way(cells: list[Cell], runs: Path, steps: int = SAVED) -> int:
    """The number of cells that have done some steps, and are not done."""
    open_ = [cell for cell in cells if results.intact(runs / cell.config.name) is None]
    return sum(steps_done(cell, runs) >= steps for cell in open_)


def finished(cells: list[Cell], runs: Path) -> set[str]:
    """Names of the cells that are done."""
    names = (cell.config.name for cell in cells)
    return {name for name in names if results.intact(runs / name) is not None}


def on_ray(file: Path, runs: Path, out: Path) -> tuple[set[str], str]:
    """Run the grid on three nodes, and kill one of them and the command.

    Returns:
        The cells that were done before the command was killed, and the messages.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    cells = list(load(file).cells)
    size: dict[str, Any] = {"num_cpus": 1, "object_store_memory": STORE}
    cluster = Cluster(initialize_head=True, head_node_args={**size, "include_dashboard": False})
    try:
        _, victim = cluster.add_node(**size), cluster.add_node(**size)
        where = ("--engine", "ray", "--address", cluster.address)
        say("a cluster of three nodes is up.")
        driver = command(file, runs, out, *where)
        until(
            lambda: under_way(cells, runs, 1) == 3 and under_way(cells, runs) >= 2,
            driver,
            "all three nodes are busy, and two cells can resume",
        )
        cluster.remove_node(victim, allow_graceful=False)
        say("a node is killed.")
        before = len(finished(cells, runs))
        until(
            lambda: len(finished(cells, runs)) > before and under_way(cells, runs) > 0,
            driver,
            "a further cell is done and another one is under way",
        )
        driver.send_signal(signal.SIGKILL)
        _, told = driver.communicate()
        done = finished(cells, runs)
        say("the command is killed, and started again.")
        return done, told + ended(command(file, runs, out, *where))
    finally:
        cluster.shutdown()


def same(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Whether two records of a cell say the same; only the seconds of training may differ."""
    return {**ours, "seconds": 0} == {**theirs, "seconds": 0}


def digest(path: Path) -> str:
    """The first digits of a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def resumed(folder: Path) -> list[int]:
    """The steps from which attempts of a run went on."""
    steps = [entry["step"] for entry in read_records(folder) if entry["kind"] == "rewind"]
    return [step for step in steps if step > 0]


def table(home: Path, done: set[str]) -> tuple[str, bool]:
    """A line for each cell, and whether all are the same."""
    lines = ["| cell | waste IoU, one process | on Ray | deployed file | resumed at step |"]
    lines += ["|---|---|---|---|---|"]
    local, ray = (
        [json.loads(line) for line in (home / name / "grid.jsonl").read_text().splitlines()]
        for name in ("local-out", "ray-out")
    )
    alike = len(local) == len(ray) == 5
    for ours, theirs in zip(local, ray, strict=False):
        name = ours["run"]
        files = [digest(home / runs / name / results.MODEL) for runs in ("local", "ray")]
        equal = same(ours, theirs) and files[0] == files[1]
        alike = alike and equal
        scores = [f"{100 * one['scores']['taco-synth']['waste_iou']:.4f}" for one in (ours, theirs)]
        steps = ", ".join(map(str, resumed(home / "ray" / name))) or "-"
        kept = " (done before the kill)" if name in done else ""
        lines.append(
            f"| {ours['row']}, seed {ours['seed']} | {scores[0]} | {scores[1]} "
            f"| {files[1]}, {'the same' if equal else 'DIFFERENT'} | {steps}{kept} |"
        )
    return "\n".join(lines), alike


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, help="file for the table")
    out: Path | None = parser.parse_args().out
    with tempfile.TemporaryDirectory(prefix="dagen-") as folder:
        home = Path(folder)
        file = home / "grid.toml"
        file.write_text(GRID)
        done, told = on_ray(file, home / "ray", home / "ray-out")
        say("the grid is done; the same without Ray, one cell after the other.")
        ended(command(file, home / "local", home / "local-out"))
        text, alike = table(home, done)
    lost = [line for line in told.splitlines() if "lost its machine" in line]
    page = (
        f"{text}\n\nA node killed, and the command killed with {len(done)} of 5 cells done. "
        f"Cells that lost their machine: {len(lost)}. Python {platform.python_version()}, "
        f"{os.cpu_count()} cores, commit {(commit() or 'unknown')[:7]}.\n"
    )
    print(page)
    if not alike or not lost:
        sys.exit("the results are not those of one process, or no machine was lost.")
    if out is not None:
        out.write_text(page)


if __name__ == "__main__":
    main()
