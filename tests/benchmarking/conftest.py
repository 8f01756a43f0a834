"""A small benchmark with every kind of row."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dagen.benchmarking.cells import Benchmark
from dagen.benchmarking.reading import load
from dagen.runs.runtime import Runtime

BASE = """
[base]
src = "resortit"
tgt = "taco"
size = [32, 32]
steps = 2
batch = 2
width = 0.25
candidates = 1
"""
ROWS = """
[[row]]
name = "continued"
method = "minent"
init = "row:source-only"
seed = 0

[[row]]
name = "source-only"
tgt = "none"

[[row]]
name = "adabn"
method = "adabn"

[[row]]
name = "source + strong augmentation"
method = "photometric"
tgt = "none"

[[row]]
name = "oracle"
src = "taco"
tgt = "none"

[[row]]
name = "oracle+source"
target_labels = "all"
"""
GRID = """
[grid]
model = ["enet"]
task = ["binary"]
seed = [0, 1]
"""
Make = Callable[..., Benchmark]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(base: str = BASE, grid: str = GRID, rows: str = ROWS) -> Benchmark:
        path = tmp_path / "small.toml"
        path.write_text("\n".join(["title = 'Small'", base, grid, rows]))
        return load(path)

    return make


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    return Runtime(runs=tmp_path / "runs", device="cpu", workers=0, track=False, quiet=True)
