from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dagen.benchmarking.execution import run_benchmark
from dagen.benchmarking.reading import load
from dagen.benchmarking.tables.comparison import table
from dagen.benchmarking.tables.sections import sections
from dagen.benchmarking.tables.tables import Value
from dagen.datasets.loading.opening import open_dataset
from dagen.errors import UsageError
from dagen.runs.runtime import Runtime
from dagen.types import Task
from tests import tiny
from tests.benchmarking import fake
from tests.benchmarking.conftest import BASE, GRID, ROWS
from tests.benchmarking.tables import made


class Bright:
    """Calls bright pixels waste."""

    task = Task.BINARY

    def __call__(self, image: np.ndarray) -> np.ndarray:
        waste = (image.mean(2) > 100).astype(np.float32)
        return np.stack([1 - waste, waste])


def _file(folder: Path, line: str) -> Path:
    path = folder / "small.toml"
    path.write_text("\n".join(["title = 'Small'", line, BASE, GRID, ROWS]))
    return path


def test_a_reference_is_scored_once_and_stands_below_the_rows(
    tmp_path: Path, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    tiny.make_resortit(data)
    tiny.make_taco(data)
    monkeypatch.setattr("dagen.scoring.teachers.teacher_predictor", lambda _: Bright())
    here = replace(runtime, data_root=data)
    benchmark = load(_file(tmp_path, 'references = ["u2netp"]'))
    outcome = run_benchmark(benchmark, here, tmp_path / "out", runner=fake.good)
    (found,) = [record for record in outcome.records if record.as_it_comes]

    inside = union = 0
    dataset = open_dataset("taco", "val", Task.BINARY, data)
    for i in range(len(dataset)):
        label, said = dataset.label(i), Bright()(dataset.image(i))[1] > 0.5
        inside += int((said & (label == 1)).sum())
        union += int(((said | (label == 1)) & (label != 255)).sum())
    assert found.scores["taco"]["waste_iou"] == pytest.approx(inside / union)
    assert found.profile["bytes"] == 4_574_861 and found.seen == ("DUTS-TR",)
    assert "| u2netp as it comes | – |" in (tmp_path / "out" / "small.md").read_text()
    few = replace(here, runs=tmp_path / "few-runs")
    run_benchmark(benchmark, few, tmp_path / "few", runner=fake.unlucky)
    assert "8 of 11 cells are done" in (tmp_path / "few" / "small.md").read_text()

    def never(_: str) -> None:
        raise AssertionError("scored again")

    monkeypatch.setattr("dagen.scoring.teachers.teacher_predictor", never)
    again = run_benchmark(benchmark, here, tmp_path / "out", runner=fake.good)
    assert found in again.records
    without = load(_file(tmp_path, ""))
    assert all(r.config for r in run_benchmark(without, here, tmp_path / "out").records)


def test_it_is_no_rival_and_changes_no_other_entry() -> None:
    rows = made.table()
    better = replace(
        made.record("u2netp as it comes", 0.9), model="u2netp", config={}, seen=("DUTS-TR",)
    )
    (alone,), (beside,) = sections(rows), sections([*rows, better])
    before, after = table(alone), table(beside)
    extra = after.columns.index("seen besides")
    left = [row[:extra] + row[extra + 1 :] for row in after.rows[:-1]]
    assert repr(left) == repr(list(before.rows))  # NaN is not equal to itself
    name, *entries = after.rows[-1]
    assert name == "u2netp as it comes"
    assert not any(entry.best for entry in entries if isinstance(entry, Value))
    assert any("Not trained here, and no rival: u2netp as it comes." in n for n in after.notes)


@pytest.mark.parametrize("given", ['"u2netp"', "[3]", '["u2net"]'])
def test_only_known_teachers_are_references(tmp_path: Path, given: str) -> None:
    with pytest.raises(UsageError, match=r"references.*u2netp"):
        load(_file(tmp_path, f"references = {given}"))


def test_a_file_without_a_target_has_none(tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text('references = ["u2netp"]\n[base]\ntask = "binary"\n[[row]]\nname = "a"\n')
    with pytest.raises(UsageError, match=r"references is \['u2netp'\].*remove references"):
        load(path)
