import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dagen.benchmarking.cells import Benchmark
from dagen.benchmarking.deployed import measuring, versions
from dagen.benchmarking.execution import run_benchmark
from dagen.benchmarking.reading import load
from dagen.datasets.loading.opening import open_dataset
from dagen.deploy import export as exporting
from dagen.deploy import predictor as exported
from dagen.errors import DagenError
from dagen.runs.runtime import Runtime
from dagen.types import Task
from tests import tiny
from tests.benchmarking.conftest import BASE

pytest.importorskip("onnxruntime", reason="exporting needs ONNX: pip install 'dagen[onnx]'")
ROWS = """
[grid]
model = ["enet"]
seed = [0]
[[row]]
name = "source-only"
tgt = "none"
[[row]]
name = "adabn"
method = "adabn"
[[row]]
name = "start"
method = "rotation"
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    """Where the cells are done, without their files."""
    folder = tmp_path_factory.mktemp("trained")
    tiny.make_resortit(folder / "data")
    tiny.make_taco(folder / "data")
    here = Runtime(
        folder / "runs", folder / "data", device="cpu", workers=0, track=False, quiet=True
    )
    run_benchmark(_benchmark(folder, ""), here, folder / "out")
    assert "Smaller files" not in (folder / "out" / "small.md").read_text()
    return here


@pytest.fixture
def here(tmp_path: Path, trained: Runtime) -> Runtime:
    shutil.copytree(trained.runs, tmp_path / "runs")
    return replace(trained, runs=tmp_path / "runs")


def _benchmark(folder: Path, deploy: str) -> Benchmark:
    path = folder / "small.toml"
    path.write_text("\n".join([deploy, BASE, 'task = "binary"', ROWS]))
    return load(path)


def _iou(file: Path, root: Path) -> float:
    """Waste IoU on TACO val, counted pixel by pixel."""
    network = exported.load(file)
    dataset = open_dataset("taco", "val", Task.BINARY, root)
    inside = union = 0
    for i in range(len(dataset)):
        label, said = dataset.label(i), network(dataset.image(i)).argmax(0) == 1
        inside += int((said & (label == 1)).sum())
        union += int(((said | (label == 1)) & (label != 255)).sum())
    return inside / union


def test_a_cell_gets_its_files_once(
    tmp_path: Path, here: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    benchmark = _benchmark(tmp_path, "[deploy]\nprecisions = ['int8']")
    # All cells are done; their files are not.
    outcome = run_benchmark(benchmark, here, out, only="adabn")
    assert not outcome.failures
    found = versions.read(versions.file_of(out, "small"))
    assert [(one.row, one.precision) for one in found] == [
        ("adabn", "float32"), ("adabn", "int8"),
    ]  # fmt: skip
    for one in found:
        file = here.runs / one.run / "deployed" / f"whole-{one.precision}.onnx"
        assert one.bytes == file.stat().st_size
        assert here.data_root is not None
        assert one.scores["taco"]["waste_iou"] == pytest.approx(_iou(file, here.data_root))
    (trained,) = (record for record in outcome.records if record.row == "adabn")
    expected = trained.scores["taco"]["waste_iou"]
    assert found[0].scores["taco"]["waste_iou"] == pytest.approx(expected, abs=2e-3)
    assert "| enet | adabn | whole | int8 | 1 |" in (out / "small.md").read_text()

    def never(*_: object, **__: object) -> None:
        raise AssertionError("exported again")

    with monkeypatch.context() as patched:
        patched.setattr("dagen.deploy.export.export", never)
        assert run_benchmark(benchmark, here, out, only="adabn").files
    other = replace(found[0], weights="of another training")
    assert found[0] in measuring.current(benchmark, here.runs, found)
    assert other not in measuring.current(benchmark, here.runs, [other])
    assert measuring.current(benchmark, tmp_path / "elsewhere", found) == found


def test_lines_stay_with_their_run_when_an_axis_joins(tmp_path: Path) -> None:
    benchmark = _benchmark(tmp_path, "[deploy]\nprecisions = ['int8']")
    lines = measuring.planned(benchmark)
    assert len(lines) == 4
    wider = tuple(replace(cell, axes={"zoom": 2.0}) for cell in benchmark.cells)
    moved = measuring.current(replace(benchmark, cells=wider), tmp_path, lines)
    assert moved == [replace(one, axes={"zoom": 2.0}) for one in lines]


def test_a_file_that_cannot_be_made_fails_its_cell_alone(
    tmp_path: Path, here: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = exporting.export

    def unlucky(model: Path, out: Path, **options: object) -> object:
        if "source-only" in str(model) or "supervised" in str(model):
            raise DagenError("an operator is missing.")
        return real(model, out, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("dagen.deploy.export.export", unlucky)
    benchmark = _benchmark(tmp_path, "[deploy]\nprecisions = ['float32']")
    outcome = run_benchmark(benchmark, here, tmp_path / "out")
    assert [(one.cell.row, one.reason) for one in outcome.failures] == [
        ("source-only", "an operator is missing.")
    ]
    assert [v.row for v in versions.read(versions.file_of(tmp_path / "out", "small"))] == ["adabn"]
