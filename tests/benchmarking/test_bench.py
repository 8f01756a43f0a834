"""benchmarks/bench.py tells each ratio of the committed results; no time is tested."""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location("bench", BENCHMARKS / "bench.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "bench", script)  # dataclasses look there
    spec.loader.exec_module(script)
    return script


def test_networks_and_the_whole_way_from_photographs_to_masks(bench: Any) -> None:
    found = json.loads((BENCHMARKS / "results" / "latency.json").read_text())
    figures = {one.name: one for one in bench.inference(found)}
    (way,) = [row for row in found["end_to_end"]["rows"] if row["way"] == "folder, masks"]
    told = figures["a folder of photographs to masks, of the rate of the network alone"]
    assert told.value == pytest.approx(100 * way["share_of_network"])
    assert (told.asked, told.unit, told.met) == (90, "%", way["share_of_network"] >= 0.9)
    sizes = {(r["network"], *r["size"]) for r in found["rows"] if r["times_pytorch"] is not None}
    assert sum("PyTorch eager" in name for name in figures) == len(sizes)
    del found["end_to_end"]
    assert len([*bench.inference(found)]) == len(figures) - 1
