"""From run folders to records, and how long the rest takes."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dagen.benchmarking.collecting import Costs, collect, steps_done
from dagen.benchmarking.execution import missing
from dagen.benchmarking.tables import records
from dagen.runs.log import RunLog
from dagen.runs.runtime import PRECISION, Runtime
from dagen.system.files import make_folder
from tests.benchmarking import fake
from tests.benchmarking.conftest import GRID, Make


def test_a_record_has_all_that_is_published_and_no_path(
    make: Make, runtime: Runtime, tmp_path: Path
) -> None:
    benchmark = make()
    cell = replace(
        benchmark.cells[0],
        config=replace(benchmark.cells[0].config, init=str(tmp_path / "start.safetensors")),
    )
    fake.finish(cell.config, runtime.runs)
    (found,) = collect(replace(benchmark, cells=(cell,)), runtime.runs, [])
    assert (found.commit, found.torch, found.hardware) == ("c0ffee", "2.11.0", "an abacus")
    assert (found.row, found.model, found.task, found.seed) == ("source-only", "enet", "binary", 0)
    assert found.score("waste_iou") == pytest.approx(0.10)
    assert found.profile["bytes"] == 1539336 and found.seconds == 2.0
    records.save(tmp_path / "lines.jsonl", [found])
    text = (tmp_path / "lines.jsonl").read_text()
    assert str(tmp_path) not in text and json.loads(text)["config"]["init"] == "start.safetensors"


def test_a_record_tells_another_precision(make: Make, runtime: Runtime) -> None:
    benchmark = make()
    first, second, *_ = benchmark.cells
    for cell, precision in ((first, "float32"), (second, "bfloat16")):
        fake.finish(cell.config, runtime.runs)
        RunLog.open(runtime.runs / cell.config.name).tags({PRECISION: precision})
    found = {record.row: record.hardware for record in collect(benchmark, runtime.runs, [])}
    assert found == {first.row: "an abacus", second.row: "an abacus, bfloat16"}


def test_records_of_other_machines_stay_until_their_settings_change(
    make: Make, runtime: Runtime, tmp_path: Path
) -> None:
    benchmark = make()
    first, second, *_ = benchmark.cells
    for cell in (first, second):
        fake.finish(cell.config, tmp_path / "elsewhere")
    before = collect(benchmark, tmp_path / "elsewhere", [])
    assert len(before) == 2
    fake.finish(second.config, runtime.runs, seconds=5.0)
    found = {record.row: record for record in collect(benchmark, runtime.runs, before)}
    assert found[first.row].seconds == 2.0 and found[second.row].seconds == 5.0
    changed = make(base="[base]\ntgt = 'taco'\nsteps = 3")
    assert collect(changed, runtime.runs, before) == []


def test_an_axis_that_joins_the_grid_keeps_the_records_of_the_same_runs(
    make: Make, runtime: Runtime, tmp_path: Path
) -> None:
    benchmark = make()
    for cell in benchmark.cells:
        fake.finish(cell.config, tmp_path / "elsewhere")
    before = collect(benchmark, tmp_path / "elsewhere", [])
    wider = make(grid=f"{GRID}zoom = [1.0, 2.0]")  # 2.0 is what held before
    found = collect(wider, runtime.runs, before)
    assert {one.run for one in found} <= {one.run for one in before} and found
    assert {one.axes["zoom"] for one in found} == {2.0}
    assert len(missing(wider.cells, runtime.runs, found)) == len(wider.cells) - len(found)


def test_a_kept_record_stands_in_the_table_that_its_cell_has_now(
    make: Make, runtime: Runtime, tmp_path: Path
) -> None:
    (cell, *_) = make().cells
    fake.finish(cell.config, tmp_path / "elsewhere")
    before = collect(replace(make(), cells=(cell,)), tmp_path / "elsewhere", [])
    alone = replace(cell, target=None)
    (found,) = collect(replace(make(), cells=(alone,)), runtime.runs, before)
    assert before[0].target == "taco" and found == replace(before[0], target=None)


def test_how_far_a_run_is_and_what_the_others_cost(make: Make, runtime: Runtime) -> None:
    benchmark = make(base="[base]\nsrc = 'resortit'\ntgt = 'taco'\nsteps = 100\nbatch = 4")
    done = next(cell for cell in benchmark.cells if cell.label == "adabn/enet/binary/s0")
    other = next(cell for cell in benchmark.cells if cell.label == "adabn/enet/binary/s1")
    assert Costs([]).left([other], runtime.runs) is None
    fake.finish(done.config, runtime.runs, seconds=60.0)
    costs = Costs(collect(benchmark, runtime.runs, []))
    assert steps_done(done, runtime.runs) == 100 and steps_done(other, runtime.runs) == 0
    assert costs.left([done, other], runtime.runs) == pytest.approx(60)
    RunLog.open(make_folder(runtime.runs / other.config.name)).metrics({"train/loss": 1.0}, 75)
    assert steps_done(other, runtime.runs) == 75
    assert costs.left([other], runtime.runs) == pytest.approx(15)
    longer = replace(other, row="twice", config=replace(other.config, steps=200, seed=9))
    assert costs.seconds(longer) == pytest.approx(120)
