"""Files and texts of settings that are nearly right: a value, or one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from dagen.benchmarking import reading as benchmarks
from dagen.datasets.own import declaration
from dagen.runs.plan import plan_run
from dagen.runs.reading import load
from tests.benchmarking import test_fuzz as tables
from tests.faults.fuzzing import damaged, fuzz, mutated, toml
from tests.faults.ledger import Ledger
from tests.runs import test_fuzz as sets

CONFIG = {
    "src": "resortit", "tgt": "taco", "method": ["minent", "advent"], "model": "enet",
    "task": "binary", "size": [64, 128], "steps": 10, "batch": 2, "lr": 0.001, "seed": 1,
    "width": 0.5, "candidates": 2, "select": "last", "target_labels": 2, "score": ["resortit"],
    "batch_norm": "separate", "model_options": {"ibn": "a"},
    "parts": {"advent": {"weight": 0.01}, "minent": {"weight": 0.1}},
}  # fmt: skip
BENCHMARK = {
    "title": "A grid", "note": "of runs",
    "base": {"src": "resortit", "tgt": "taco", "steps": 10, "size": [64, 128]},
    "grid": {"model": ["enet"], "task": ["binary", "material"], "seed": [0, 1]},
    "row": [
        {"name": "source-only", "tgt": "none"},
        {"name": "advent", "method": "advent", "advent": {"weight": [0.1, 0.2]}},
        {"name": "free", "method": "shot", "init": "row:source-only"},
    ],
}  # fmt: skip
OWN = {
    "kind": "folder", "images": "photos/{split}", "masks": "drawn/{split}",
    "ids": {"0": "background", "128": "can", "255": "bag"}, "background": "background",
    "colours": {"can": "#D55E00"}, "ignore": [7, "bag"], "map": {"bag": "paper"},
    "splits": {"train": "training", "val": 0.2, "test": ["a.jpg"], "seed": 3},
}  # fmt: skip


@pytest.fixture
def count(whole: bool) -> int:
    return 1400 if whole else 25


def files(values: dict[str, Any]) -> st.SearchStrategy[bytes]:
    changed = mutated(values).filter(lambda found: isinstance(found, dict)).map(toml)
    return st.one_of(changed, changed, damaged([toml(values)]))


def from_file(path: Path, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def reader(content: bytes) -> object:
        path.write_bytes(content)
        return read(path)

    return reader


def test_configurations(tmp_path: Path, ledger: Ledger, count: int) -> None:
    read = from_file(tmp_path / "run.toml", lambda path: plan_run(load(path)))
    fuzz(ledger, "configuration file", files(CONFIG), read, count)


def test_set(ledger: Ledger, count: int) -> None:
    inputs = st.lists(sets.SETS, min_size=1, max_size=3)
    fuzz(ledger, "--set", inputs, lambda given: sets.planned([f"{k}={v}" for k, v in given]), count)


def test_benchmarks(tmp_path: Path, ledger: Ledger, count: int) -> None:
    read = from_file(tmp_path / "grid.toml", benchmarks.load)
    fuzz(ledger, "benchmark file", files(BENCHMARK), read, count)
    some = st.fixed_dictionaries({"base": tables.TABLES, "grid": tables.TABLES})
    fuzz(
        ledger,
        "benchmark tables",
        some,
        lambda found: tables.check({**found, "row": [{"name": "a"}]}),
        count // 2,
    )


def test_declarations(tmp_path: Path, ledger: Ledger, count: int) -> None:
    read = from_file(tmp_path / declaration.FILE, lambda path: declaration.read(path.parent))
    fuzz(ledger, "dagen.toml", files(OWN), read, count)
