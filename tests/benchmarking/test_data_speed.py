"""benchmarks/data_speed.py runs and tells each figure that it promises; none is tested."""

import importlib.util
import json
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "data_speed.py"


def test_each_figure_is_told(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("data_speed", SCRIPT)
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    words = "--photographs 4 --pixels 90x120 --size 64x64 --batch 2 --rounds 1 --steps 1 --epochs 3"
    script.main([*words.split(), "--workers", "1", "--out", str(tmp_path / "found.json")])
    found = json.loads((tmp_path / "found.json").read_text())
    assert {*found["epoch"]} == {"decoding_ms", "cold_ms", "cached_ms", "decoding_by_cached"}
    assert all(value > 0 for value in found["epoch"].values())
    assert 0 <= found["loop"]["waiting_share"] < 1 and found["loop"]["step_ms"] > 0
    assert len(found["memory"]["megabytes"]) == 3
    assert found["pixels"] == [90, 120] and found["hardware"] and found["torch"]
