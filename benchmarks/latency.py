"""Times every network in every runtime, beside U2-Net-p, in one run.

    python benchmarks/latency.py --out benchmarks/results/latency.json
    python benchmarks/latency.py --photos photos/ --networks  # from file to file as well

Time and size do not depend on the values of the weights, so the networks are untrained; each has
the input sizes of its benchmarks. All contenders are timed in turns, one image at a time, on the
same threads, so that a busy machine slows them all. A turn begins with calls that are not counted:
a camera runs one network, whose weights are in the caches. What is timed is the network alone,
without decoding and resizing; ``--photos`` adds the whole way (``benchmarks/end_to_end.py``).
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import end_to_end
import numpy as np
import torch

from dagen.datasets.maps.teachers import known
from dagen.deploy import predictor
from dagen.deploy.export import export
from dagen.deploy.refusals import Format
from dagen.deploy.turns import in_turns
from dagen.models.base import create_network
from dagen.models.deployed import cost
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import save_deployed
from dagen.scoring.teachers import teacher_predictor
from dagen.system.device import describe
from dagen.system.onnx_session import open_session
from dagen.types import Task

SIZES = {
    "enet": ((128, 128), (192, 192)),
    "bisenet": ((128, 128), (192, 192)),
    "icnet": ((128, 128), (192, 192), (256, 256)),
    "lite": ((160, 160),),
}
"""Heights and widths of the inputs in the committed benchmarks."""
TEACHER = "u2netp"
PYTORCH = "PyTorch eager"
FORMATS: tuple[tuple[Format, str], ...] = (("onnx", ".onnx"), ("openvino", ".xml"))


@dataclass(frozen=True)
class Contender:
    """One network in one runtime.

    Attributes:
        network: its name.
        size: height and width of its input in pixels.
        runtime: the runtime with its version.
        precision: ``float32`` or ``int8``.
        bytes: size of its file, or files.
        macs: multiply-accumulates of one image.
    """

    network: str
    size: tuple[int, int]
    runtime: str
    precision: str
    bytes: int
    macs: int


Calls = dict[Contender, Callable[[], object]]


def contenders(names: list[str], folder: Path, threads: int) -> Calls:
    """Every network as PyTorch, ONNX and OpenVINO see it, and the teacher.

    Args:
        names: the networks.
        folder: where files can be written.
        threads: threads that compute.
    """
    calls: Calls = {}
    for name, size in ((each, size) for each in names for size in SIZES[each]):
        torch.manual_seed(0)
        network = create_network(name, Task.BINARY, 1.0, {}).eval()
        stem = f"{name}-{size[0]}x{size[1]}"
        file = folder / f"{stem}.safetensors"
        save_deployed(file, network, Card(name, Task.BINARY.name, size, run={"src": "resortit"}))
        macs = cost.macs(network, size)
        pixels = torch.rand(1, 3, *size).contiguous(memory_format=torch.channels_last)
        network = network.to(memory_format=torch.channels_last)
        eager = f"{PYTORCH} {torch.__version__}"
        own = Contender(name, size, eager, "float32", file.stat().st_size, macs)
        calls[own] = partial(network, pixels)
        for form, suffix in FORMATS:
            for int8 in (False, True):
                out = folder / f"{stem}{'-int8' * int8}{suffix}"
                made = export(file, out, format=form, int8=int8)
                opened = predictor.load(out, threads=threads).runtime
                image = predictor.to_input(_image(size), opened.facts.input)
                precision = "int8" if int8 else "float32"
                key = Contender(name, size, opened.name, precision, made.bytes, macs)
                calls[key] = partial(opened, image)
        print(f"{stem}: {len(calls)} contenders so far", flush=True)
    return {**calls, **_teacher(threads)}


def _teacher(threads: int) -> Calls:
    teacher = known.known(TEACHER)
    opened = teacher_predictor(TEACHER)
    size = opened.size
    session = open_session(known.content(teacher), TEACHER, threads=threads, device="cpu")
    feed = {session.get_inputs()[0].name: np.random.default_rng(0).random((1, 3, *size), "f4")}
    first = session.get_outputs()[0].name
    import onnxruntime

    runtime = f"ONNX Runtime {onnxruntime.__version__} (CPU)"
    macs = round(teacher.gmac * 1e9)
    key = Contender(TEACHER, size, runtime, "float32", teacher.bytes, macs)
    return {key: lambda: session.run([first], feed)}


def _image(size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)


def timed(calls: Calls, rounds: int) -> Iterator[dict[str, Any]]:
    """Median and p95 of all contenders, which take turns of a tenth of a second."""
    times = dict(zip(calls, in_turns(list(calls.values()), rounds), strict=True))
    for contender, found in times.items():
        yield {
            **asdict(contender),
            "median_ms": round(statistics.median(found), 3),
            "p95_ms": round(float(np.percentile(found, 95)), 3),
            "runs": len(found),
        }


def _input(row: dict[str, Any]) -> tuple[str, tuple[int, int]]:
    """The network of a row, and the size at which it was timed."""
    return row["network"], tuple(row["size"])


def with_ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with how many times as fast they are as PyTorch, and as the teacher."""
    eager = {_input(r): r["median_ms"] for r in rows if r["runtime"].startswith(PYTORCH)}
    (teacher,) = (r["median_ms"] for r in rows if r["network"] == TEACHER)
    return [
        {
            **row,
            "times_pytorch": round(eager[_input(row)] / row["median_ms"], 2)
            if _input(row) in eager
            else None,
            "times_teacher": round(teacher / row["median_ms"], 1),
        }
        for row in rows
    ]


@contextmanager
def threads_of(count: int) -> Iterator[None]:
    """PyTorch on so many threads, without gradients."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before)


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| network | input | runtime | precision | MB | GMAC | median, ms | p95, ms "
        "| times PyTorch | times U2-Net-p |",
        "|---|---|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for r in rows:
        own = "–" if r["times_pytorch"] is None else f"{r['times_pytorch']:.1f}"
        lines.append(
            f"| {r['network']} | {r['size'][0]}x{r['size'][1]} | {r['runtime']} | {r['precision']} "
            f"| {r['bytes'] / 1e6:.2f} | {r['macs'] / 1e9:.3f} | {r['median_ms']:.2f} "
            f"| {r['p95_ms']:.2f} | {own} | {r['times_teacher']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print a table, write one JSON file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="*", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--photos", type=Path, help="folder of photographs, for the whole way")
    parser.add_argument("--photographs", type=int, default=99, help="most that are taken of it")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found: dict[str, Any] = {"hardware": describe(torch.device("cpu")), "threads": given.threads}
    if given.networks:
        with tempfile.TemporaryDirectory() as folder:
            calls = contenders(given.networks, Path(folder), given.threads)
            with threads_of(given.threads):
                found["rows"] = with_ratios(list(timed(calls, given.rounds)))
        print(table(found["rows"]))
    if given.photos:
        way = end_to_end.measured(given.photos, given.photographs, given.threads, given.rounds)
        print(end_to_end.table(way))
        found["end_to_end"] = way
    if given.out:
        given.out.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
