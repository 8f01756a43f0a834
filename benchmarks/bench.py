"""Runs every measurement of speed and prints all ratios in one table: ``make bench``.

    python benchmarks/bench.py --out build/bench

Each script is run by itself and leaves its JSON file in the folder; one that is there already is
read and not run again, so a call that was stopped goes on. The table is kept as ``bench.json``; a
copy in ``benchmarks/results`` is what the page "Speed" shows. Each ratio comes from one run of one
script, in which both sides are timed in turns. Seconds are the least of several starts. Leave the
machine alone meanwhile: the steps of training take half an hour on two cores, and some minutes of
compiling before that, once; the rest a quarter of an hour.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

HERE = Path(__file__).parent
SCRIPTS = ("train_speed", "latency", "data_speed", "visualize_speed")


@dataclass(frozen=True)
class Training:
    """A run of ``train_speed.py``, and how many times as fast as the plain step it should be."""

    method: str
    model: str
    asked: float
    compiled: bool = False

    @property
    def file(self) -> str:
        """Name of its results."""
        return f"train_speed-{self.method}-{self.model}{'-compiled' if self.compiled else ''}"

    @property
    def options(self) -> list[str]:
        """Options of the script."""
        own = ["--compile"] if self.compiled else []
        return ["--steps", "40", "--method", self.method, "--model", self.model, *own]


TRAININGS = (
    Training("advent", "enet", 3.0, compiled=True),
    Training("advent", "bisenet", 2.0),
    Training("advent", "icnet", 2.0, compiled=True),
    Training("advent", "lite", 2.0, compiled=True),
    Training("dacs", "enet", 2.0, compiled=True),
    Training("best", "enet", 2.0, compiled=True),
)
"""BiSeNet gains nothing by compiling."""
_STARTS = 7
_TINY = 6.0
"""The network `lite` should be that many times as fast as PyTorch; the others 4 times."""


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        name: what is compared with what.
        value: the measured figure.
        asked: what it should be.
        unit: ``times``, ``s`` or ``%``.
        least: whether it should be at least ``asked``; otherwise at most.
    """

    name: str
    value: float
    asked: float
    unit: str = "times"
    least: bool = True

    @property
    def met(self) -> bool:
        """Whether it is what it should be."""
        return self.value >= self.asked if self.least else self.value <= self.asked


def training(found: dict[str, Any], run: Training) -> Iterator[Figure]:
    """Of ``train_speed.py``."""
    how = ", compiled" if run.compiled else ""
    name = f"a step of {run.method} on {run.model}{how}, against the plain step"
    yield Figure(name, found["ratio"], run.asked)


def inference(found: dict[str, Any]) -> Iterator[Figure]:
    """Of ``latency.py``: the fastest file of each network at each size, and the whole way."""
    own = [row for row in found["rows"] if row["times_pytorch"] is not None]
    for network, height, width in dict.fromkeys((row["network"], *row["size"]) for row in own):
        files = [r for r in own if (r["network"], *r["size"]) == (network, height, width)]
        best = max(files, key=lambda row: row["times_pytorch"])
        told = f"{network} at {height}x{width} in {best['runtime']}, {best['precision']}, against"
        asked = _TINY if network == "lite" else 4.0
        yield Figure(f"{told} PyTorch eager", best["times_pytorch"], asked)
        if network == "lite":
            yield Figure(f"{told} U2-Net-p", best["times_teacher"], 60.0)
    for row in found.get("end_to_end", {}).get("rows", ()):  # with photographs at hand
        if row["way"] == "folder, masks":
            name = "a folder of photographs to masks, of the rate of the network alone"
            yield Figure(name, 100 * row["share_of_network"], 90.0, "%")


def data(found: dict[str, Any]) -> Iterator[Figure]:
    """Of ``data_speed.py``."""
    yield Figure(
        "an epoch over 12-megapixel photographs, cached against decoded",
        found["epoch"]["decoding_by_cached"],
        20.0,
    )
    share = 100 * found["loop"]["waiting_share"]
    yield Figure("share of a training loop that waits for batches", share, 5.0, "%", least=False)


def looking(found: dict[str, Any]) -> Iterator[Figure]:
    """Of ``visualize_speed.py``."""
    yield Figure("a map of the feature space, 20,000 points", found["total"], 120.0, "s", False)


READERS = {"latency": inference, "data_speed": data, "visualize_speed": looking}


def starts() -> Iterator[Figure]:
    """Seconds of a process's start."""
    for name, code, asked in (
        ("dagen --help", ["-m", "dagen", "--help"], 0.5),
        ("import dagen, beyond Python's own start", ["-c", "import dagen"], 0.1),
    ):
        spent = _least(code)
        if code[0] == "-c":
            spent -= _least(["-c", "pass"])
        yield Figure(name, spent, asked, "s", least=False)


def _least(code: list[str]) -> float:
    found = []
    for _ in range(_STARTS):
        started = time.perf_counter()
        subprocess.run([sys.executable, *code], check=True, capture_output=True)
        found.append(time.perf_counter() - started)
    return min(found)


def _measured(script: str, file: Path, options: list[str], console: Console) -> dict[str, Any]:
    """What a script has written to ``file``; it is run if the file is missing."""
    if not file.is_file():
        console.print(f"{script}.py runs for {file.name} ...")
        draft = file.with_suffix(".draft")
        command = [sys.executable, str(HERE / f"{script}.py"), *options, "--out", str(draft)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        draft.replace(file)
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def main() -> None:
    """Run what is missing, print the table."""
    import torch
    from rich.console import Console
    from rich.table import Table

    from dagen.system.device import describe
    from dagen.tracking.recording import commit

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    parser.add_argument("--only", nargs="*", choices=SCRIPTS, default=SCRIPTS)
    parser.add_argument("--photos", help="folder of photographs, for the whole way to masks")
    given = parser.parse_args()
    console = Console()
    given.out.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0]
    if load > 0.5:
        console.print(f"The machine is busy (load {load:.1f}); ratios are less exact.")
    figures = list(starts())
    for name in given.only:
        if name == "train_speed":
            for run in TRAININGS:
                found = _measured(name, given.out / f"{run.file}.json", run.options, console)
                figures += training(found, run)
        else:
            own = ["--photos", given.photos] if name == "latency" and given.photos else []
            figures += READERS[name](_measured(name, given.out / f"{name}.json", own, console))
    table = Table("", "measured", "asked", "met")
    for one in figures:
        bound = "at least" if one.least else "at most"
        table.add_row(
            one.name,
            f"{one.value:.2f} {one.unit}",
            f"{bound} {one.asked:g} {one.unit}",
            "yes" if one.met else "no",
        )
    console.print(table)
    found = {
        "hardware": describe(torch.device("cpu")), "torch": torch.__version__, "commit": commit(),
        "load_before": round(load, 1),
        "figures": [asdict(one) | {"met": one.met} for one in figures],
    }  # fmt: skip
    (given.out / "bench.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
