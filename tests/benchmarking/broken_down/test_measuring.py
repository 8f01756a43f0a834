"""Scores of a benchmark's cells are broken down once, and the lines stay with their runs."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dagen.benchmarking.broken_down import measuring, parts
from dagen.benchmarking.broken_down.parts import Parts
from dagen.benchmarking.cell_lines import about
from dagen.benchmarking.cells import Benchmark
from dagen.benchmarking.execution import run_benchmark
from dagen.benchmarking.reading import load
from dagen.errors import DagenError, UsageError
from dagen.runs import results
from dagen.runs.runtime import Runtime
from dagen.scoring import breakdown
from tests import tiny
from tests.benchmarking.conftest import BASE

ROWS = """
[grid]
model = ["enet"]
seed = [0, 1]
[[row]]
name = "source-only"
tgt = "none"
[[row]]
name = "adabn"
method = "adabn"
seed = 0
[[row]]
name = "start"
method = "rotation"
seed = 0
"""


def _benchmark(folder: Path, first: str = "breakdown = true") -> Benchmark:
    path = folder / "small.toml"
    path.write_text("\n".join([first, BASE, 'task = "binary"', ROWS]))
    return load(path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    folder = tmp_path_factory.mktemp("trained")
    tiny.make_resortit(folder / "data")
    tiny.make_taco(folder / "data")
    here = Runtime(
        folder / "runs", folder / "data", device="cpu", workers=0, track=False, quiet=True
    )
    run_benchmark(_benchmark(folder, ""), here, folder / "out")
    assert not parts.file_of(folder / "out", "small").exists()
    return here


@pytest.fixture
def here(tmp_path: Path, trained: Runtime) -> Runtime:
    shutil.copytree(trained.runs, tmp_path / "runs")
    return replace(trained, runs=tmp_path / "runs")


def test_every_score_is_broken_down_once(
    tmp_path: Path, here: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    benchmark = _benchmark(tmp_path)
    outcome = run_benchmark(benchmark, here, out)
    file = parts.file_of(out, "small")
    assert not outcome.failures and file in outcome.files
    found = parts.read(file)
    assert sorted((one.row, one.seed) for one in found) == [
        ("adabn", 0), ("source-only", 0), ("source-only", 1),
    ]  # fmt: skip
    scores = {
        (r.row, r.seed): r.scores["taco"]["waste_iou"]
        for r in outcome.records
        if r.row != "start"  # a pre-trained network has no score
    }
    for one in found:
        (_, alarms), (missed, inside) = one.confusion
        expected = scores[one.row, one.seed]
        assert inside / (inside + missed + alarms) == pytest.approx(expected, abs=1e-6)
    page = (out / "small.md").read_text()
    assert "### By size of the object, binary, resortit to taco" in page
    assert "### By class, binary, resortit to taco" in page

    def never(*_: object, **__: object) -> None:
        raise AssertionError("measured again")

    with monkeypatch.context() as patched:
        patched.setattr(breakdown, "break_down", never)
        assert run_benchmark(benchmark, here, out).files
    other = replace(found[0], weights="of another training")
    assert measuring.current(benchmark, here.runs, [other]) == []
    assert measuring.current(benchmark, tmp_path / "elsewhere", found) == found


def test_lines_stay_with_their_run_when_an_axis_joins_and_go_with_another_data_set(
    tmp_path: Path, here: Runtime
) -> None:
    benchmark = _benchmark(tmp_path)
    cell = next(cell for cell in benchmark.cells if cell.row == "adabn")
    weights = results.intact(here.runs / cell.config.name)
    assert weights is not None and weights.weights is not None
    line = Parts(**about(cell), weights=weights.weights)
    wider = replace(benchmark, cells=(replace(cell, axes={"zoom": 2.0}),))
    for runs in (here.runs, tmp_path / "elsewhere"):
        assert measuring.current(wider, runs, [line]) == [replace(line, axes={"zoom": 2.0})]
    home = replace(benchmark, cells=(replace(cell, target=None),))
    assert measuring.current(home, here.runs, [line]) == []


def test_a_target_without_labels_has_nothing_to_break_down(tmp_path: Path, here: Runtime) -> None:
    (here.runs.parent / "data").mkdir()
    tiny.make_resortit(here.runs.parent / "data")
    tiny.make_taco(here.runs.parent / "data", labels=False)
    bare = replace(here, runs=tmp_path / "new", data_root=here.runs.parent / "data")
    benchmark = _benchmark(tmp_path)
    outcome = run_benchmark(replace(benchmark, cells=benchmark.cells[:1]), bare, tmp_path / "out")
    assert not outcome.failures and "taco" not in outcome.records[0].scores
    assert parts.read(parts.file_of(tmp_path / "out", "small")) == []


def test_a_score_that_cannot_be_broken_down_fails_its_cell_alone(
    tmp_path: Path, here: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = breakdown.break_down, []

    def unlucky(*given: object, **more: object) -> object:
        asked.append(given)
        if len(asked) == 1:
            raise DagenError("the image is damaged.")
        return real(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(breakdown, "break_down", unlucky)
    outcome = run_benchmark(_benchmark(tmp_path), here, tmp_path / "out")
    (failure,) = outcome.failures
    assert failure.reason == "the image is damaged."
    assert len(parts.read(parts.file_of(tmp_path / "out", "small"))) == 2


def test_breakdown_is_yes_or_no(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="breakdown is 'yes'; write true or false"):
        _benchmark(tmp_path, "breakdown = 'yes'")
