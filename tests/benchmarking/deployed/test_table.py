import math
import statistics
from dataclasses import replace
from pathlib import Path

import pytest

from dagen.benchmarking.deployed import table, versions
from dagen.benchmarking.deployed.versions import Version
from dagen.benchmarking.tables.tables import Value
from dagen.errors import DagenError

ONE = Version(
    row="best", model="enet", task="binary", seed=0, source="resortit", target="taco", axes={},
    run="r", weights="w", network="whole", steps=None, precision="float32", bytes=2_000_000,
    macs=3_000_000, scores={"taco": {"waste_iou": 0.4}, "resortit": {"waste_iou": 0.9}},
    runtime="ONNX Runtime 1", hardware="an abacus", commit="c",
)  # fmt: skip


def _lines() -> list[Version]:
    found = []
    for seed, (before, after) in enumerate([(0.40, 0.39), (0.44, 0.44), (0.36, 0.33)]):
        for precision, score in (("float32", before), ("int8", after)):
            scores = {"taco": {"waste_iou": score}, "resortit": {"waste_iou": 0.9}}
            found.append(
                replace(ONE, seed=seed, precision=precision, scores=scores, run=f"r{seed}")
            )
    return found


def test_changes_are_taken_seed_by_seed() -> None:
    (made,) = table.tables(_lines())
    plain, small = made.rows
    assert plain[:5] == ("enet", "best", "whole", "float32", "3") and plain[6] == "–"
    change = small[made.columns.index("change on taco")]
    assert isinstance(change, Value)
    differences = [-1.0, 0.0, -3.0]
    assert change.mean == pytest.approx(statistics.fmean(differences))
    half = 4.302653 * statistics.stdev(differences) / math.sqrt(3)  # t(0.975, 2)
    assert change.spread == pytest.approx(half, rel=1e-5)
    assert small[-2] == Value(2.0, digits=2) and small[-1] == Value(0.003, digits=3)


def test_a_seed_without_float32_counts_in_no_change() -> None:
    alone = [one for one in _lines() if one.seed == 0 or one.precision == "int8"]
    (made,) = table.tables(alone)
    change = made.rows[1][made.columns.index("change on taco")]
    assert isinstance(change, Value) and change.mean == pytest.approx(-1) and change.spread is None


def test_lines_come_back_as_they_were(tmp_path: Path) -> None:
    path = versions.file_of(tmp_path, "grid")
    assert versions.read(path) == []
    versions.save(path, _lines())
    assert versions.read(path) == _lines()
    path.write_text(path.read_text().replace('"macs"', '"mac"', 1))
    with pytest.raises(DagenError, match=r"grid-deployed.jsonl, line 1 is not of a smaller file"):
        versions.read(path)
