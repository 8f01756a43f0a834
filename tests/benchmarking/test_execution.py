"""A benchmark from its file to its tables, with runs that are none and with tiny ones."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from dagen.benchmarking.execution import plan, run_benchmark
from dagen.benchmarking.running import Local
from dagen.errors import UsageError
from dagen.runs.history import read_records
from dagen.runs.runtime import Runtime
from tests import tiny
from tests.benchmarking import fake
from tests.benchmarking.conftest import BASE, GRID, Make
from tests.own import make_masks


def test_results_are_remade_and_a_second_call_does_nothing(
    make: Make, runtime: Runtime, tmp_path: Path
) -> None:
    out = tmp_path / "results"
    outcome = run_benchmark(make(), runtime, out, runner=fake.good)
    assert [path.name for path in outcome.files] == [
        "small.jsonl", "small.md", "small.tex", "small.csv", "small.png",
    ]  # fmt: skip
    lines = [json.loads(line) for line in (out / "small.jsonl").read_text().splitlines()]
    assert len(lines) == len(outcome.records) == 11 and not outcome.failures
    assert [line["row"] for line in lines] == sorted(line["row"] for line in lines)
    page = (out / "small.md").read_text()
    assert "| oracle |" in page and "Not complete" not in page and "missing" not in page
    stamps = {path: path.stat().st_mtime_ns for path in outcome.files}
    again = run_benchmark(make(), runtime, out, runner=fake.unlucky)
    assert {path: path.stat().st_mtime_ns for path in again.files} == stamps
    assert len(fake.ran(runtime.runs)) == 11


@pytest.mark.parametrize("lost", ["result.json", "model.safetensors"])
def test_a_cell_that_lost_a_file_is_run_again(
    make: Make, runtime: Runtime, tmp_path: Path, lost: str
) -> None:
    run_benchmark(make(), runtime, tmp_path, runner=fake.good)
    name = make().cells[0].config.name
    if lost == "result.json":
        (runtime.runs / name / lost).write_text('{"name": "x"}')
    else:
        (runtime.runs / name / lost).unlink()
    outcome = run_benchmark(make(), runtime, tmp_path, runner=fake.good)
    assert len(outcome.records) == 11 and not outcome.failures
    assert fake.ran(runtime.runs).count(name) == 2 and len(fake.ran(runtime.runs)) == 12


def test_a_failed_or_stopped_benchmark_goes_on_where_it_was(
    make: Make, runtime: Runtime, tmp_path: Path
) -> None:
    outcome = run_benchmark(make(), runtime, tmp_path, runner=fake.unlucky)
    assert len(outcome.failures) == 3 and len(outcome.records) == 8
    assert "**Not complete**: 8 of 11 cells are done." in (tmp_path / "small.md").read_text()

    def stopped(config: object, runtime: Runtime) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_benchmark(make(), runtime, tmp_path, runner=stopped)
    ends = [r["status"] for r in read_records(runtime.runs / "benchmark-small") if "status" in r]
    assert ends == ["RUNNING", "FAILED", "RUNNING", "KILLED"]
    outcome = run_benchmark(make(), runtime, tmp_path, runner=fake.good)
    assert len(outcome.records) == 11 and not outcome.failures
    assert len(fake.ran(runtime.runs)) == 11


def test_the_second_of_two_identical_benchmarks_waits_and_runs_nothing(
    make: Make,
    runtime: Runtime,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    lock = runtime.runs / "benchmark-small" / "run.lock"
    lock.parent.mkdir(parents=True)
    held = FileLock(lock)
    held.acquire()
    real = FileLock.acquire

    def acquire(self: FileLock, timeout: float, **rest: float) -> object:
        if timeout < 0:  # it waits: now the first one runs all cells and ends
            for cell in make().cells:
                fake.finish(cell.config, runtime.runs)
            held.release()
        return real(self, timeout, **rest)

    monkeypatch.setattr(FileLock, "acquire", acquire)
    outcome = run_benchmark(make(), runtime, tmp_path, runner=fake.unlucky)
    assert "the benchmark small is in use by another process; waiting" in caplog.text
    assert len(outcome.records) == 11 and not outcome.failures


def test_records_made_elsewhere_can_be_trusted_but_a_network_that_is_needed_cannot(
    make: Make, runtime: Runtime, tmp_path: Path
) -> None:
    run_benchmark(make(), runtime, tmp_path, runner=fake.good)
    lines = (tmp_path / "small.jsonl").read_text()
    elsewhere = replace(runtime, runs=tmp_path / "elsewhere")
    outcome = run_benchmark(make(), elsewhere, tmp_path, runner=fake.good, trust_records=True)
    assert len(outcome.records) == 11 and not outcome.failures
    assert not (elsewhere.runs / "ran.txt").exists()
    assert (tmp_path / "small.jsonl").read_text() == lines
    rest = [line for line in lines.splitlines() if json.loads(line)["row"] != "continued"]
    (tmp_path / "small.jsonl").write_text("".join(line + "\n" for line in rest))
    run_benchmark(make(), elsewhere, tmp_path, runner=fake.good, trust_records=True)
    (continued,) = (cell for cell in make().cells if cell.row == "continued")
    assert set(fake.ran(elsewhere.runs)) == {continued.config.name, *continued.needs}


def test_what_cannot_run_is_refused_before_anything_runs(
    make: Make, runtime: Runtime, tmp_path: Path
) -> None:
    refused = {
        "[[row]]\nname = 'x'\nmethod = 'minent'\nminent.wieght = 1": "did you mean 'weight'",
        "[[row]]\nname = 'x'\nmethod = 'minent'\ntgt = 'none'": "needs a target",
        "[[row]]\nname = 'x'\nsize = [30, 30]": "multiples of",
    }
    for rows, message in refused.items():
        with pytest.raises(UsageError, match=message) as error:
            run_benchmark(make(rows=rows), runtime, tmp_path / "out", runner=fake.good)
        assert str(error.value).startswith("x/enet/binary/s0: ")
    with pytest.raises(UsageError, match=r"binary/s0: unknown data set 'tacco'"):
        base = BASE.replace("taco", "tacco")
        run_benchmark(make(base=base), runtime, tmp_path / "out", runner=fake.good)
    assert not runtime.runs.exists() and not (tmp_path / "out").exists()
    with pytest.raises(UsageError, match="jobs is 0"):
        Local(0)


def test_data_sets_of_ones_own_are_named_by_their_paths(
    make: Make, runtime: Runtime, tmp_path: Path
) -> None:
    ids = 'ids = {"0" = "background", "128" = "can", "255" = "bag"}\nsplits = {val = 0.4}\n'
    belt, site = (make_masks(tmp_path / name, ids) for name in ("belt", "site"))
    base = BASE.replace('"resortit"', f'"{belt}"').replace('"taco"', f'"{site}"')
    rows = "[[row]]\nname = 'source-only'\ntgt = 'none'\n[[row]]\nname = 'x'\nmethod = 'adabn'"
    outcome = run_benchmark(make(base=base, rows=rows), runtime, tmp_path, runner=fake.good)
    assert not outcome.failures and {one.target for one in outcome.records} == {str(site)}


def test_a_plan_runs_nothing_and_knows_what_is_left(
    make: Make, runtime: Runtime, tmp_path: Path
) -> None:
    benchmark = make()
    fake.finish(benchmark.cells[0].config, runtime.runs)
    first, *others = plan(benchmark, runtime.runs, tmp_path / "out", "s*")
    assert (first.steps, first.seconds) == (2, 0.0)
    assert [one.seconds for one in others] == [2.0] * 3
    assert not (tmp_path / "out").exists() and fake.ran(runtime.runs) == []


def test_whole_runs_on_tiny_data(make: Make, runtime: Runtime, tmp_path: Path) -> None:
    tiny.make_resortit(tmp_path / "data", train=4, val=2)
    tiny.make_taco(tmp_path / "data", train=4, val=2)
    here = replace(runtime, data_root=tmp_path / "data")
    rows = """
        [[row]]
        name = "source-only"
        tgt = "none"
        [[row]]
        name = "continued"
        method = "minent"
        init = "row:source-only"
    """
    found = make(grid=GRID.replace("[0, 1]", "[0]"), rows=rows)
    outcome = run_benchmark(found, here, tmp_path / "out")
    assert not outcome.failures
    baseline, continued = outcome.records
    for record in (baseline, continued):
        assert 0 <= record.scores["taco"]["waste_iou"] <= 1
        assert record.seconds > 0 and "threads" in record.hardware
    assert continued.config["init"] == f"run:{baseline.run}"
    assert str(tmp_path) not in (tmp_path / "out" / "small.jsonl").read_text()
    started = here.runs / continued.run / "model.safetensors"
    assert started.read_bytes() != (here.runs / baseline.run / "model.safetensors").read_bytes()
