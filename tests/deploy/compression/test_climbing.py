"""A ladder of files of one network: measured, drawn and logged, and no label decides."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import dagen
from dagen import cli
from dagen.deploy.compression import climbing, ground
from dagen.deploy.compression.found import Found, entries, write
from dagen.deploy.compression.rungs import Rung, Tried
from dagen.errors import DagenError, UsageError
from dagen.tracking.store import connect, tracking_uri
from tests import tiny
from tests.deploy.conftest import deploy


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    tiny.make_taco(root, train=4, val=2)
    return root


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, toys: None) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "net"
    folder.mkdir()
    return deploy(folder)


@pytest.fixture(scope="module")
def found(model: Path, data: Path) -> Any:
    return dagen.compress(
        model, model.parent / "small", sizes=["32x48", "16x24"], precisions=["float32", "int8"],
        formats=["onnx"], max_drop=100, score="taco", data_root=data, runs=model.parent.parent,
    )  # fmt: skip


def test_every_file_is_measured(found: Any, data: Path) -> None:
    assert [each.file.name for each in found.tried] == [
        "32x48-float32.onnx", "32x48-int8.onnx", "16x24-float32.onnx", "16x24-int8.onnx",
    ]  # fmt: skip
    exact, small, half, _ = found.tried
    assert exact.loss == 0 and small.loss > 0 and half.loss > 0
    assert exact.bytes == exact.file.stat().st_size
    assert exact.macs == small.macs == 4 * half.macs
    for each in found.tried:
        assert 0 < each.latency_ms <= each.p95_ms and "ONNX Runtime" in each.runtime
        assert 0 <= each.score <= 100
        assert dagen.load(each.file).size == each.rung.size
    own = dagen.evaluate(exact.file, data="taco", data_root=data)["foreground_miou"]
    assert exact.score == pytest.approx(100 * own) and exact in found.front
    assert found.chosen is min(found.tried, key=lambda e: (e.latency_ms, e.bytes))
    assert found.found.failures == [] and found.found.told == "4 images of taco train"


def test_the_table_the_figure_and_the_document(found: Any) -> None:
    table = found.table.read_text()
    assert len([line for line in table.splitlines() if line.startswith("| ")]) == 5
    assert "4 images of taco train" in table and "Foreground mIoU in per cent on taco val" in table
    with Image.open(found.figure) as picture:
        assert picture.width > 800
    told = json.loads(found.document.read_text())
    assert [row["file"] for row in told["tried"]] == [each.file.name for each in found.tried]
    assert [row["file"] for row in told["tried"] if row["chosen"]] == [found.chosen.file.name]
    assert told["cap"] == 10_000_000 and told["images"] == "4 images of taco train"


def test_mlflow_has_a_run_for_each_file(found: Any, model: Path) -> None:
    client = connect(tracking_uri(model.parent.parent))
    (experiment,) = [e for e in client.search_experiments() if e.name == "dagen"]
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {f"toy {each.file.name}" for each in found.tried}
    run = runs["toy 16x24-int8.onnx"]
    assert run.data.metrics["agreement_loss"] == pytest.approx(found.tried[3].loss)
    assert run.data.params["precision"] == "int8" and run.info.status == "FINISHED"


def test_a_ladder_that_was_killed_goes_on(
    model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {
        "sizes": ["32x48"], "precisions": ["float32", "fp16", "int8"], "formats": ["onnx"],
        "max_drop": 100, "data_root": data, "track": False,
    }  # fmt: skip
    honest, exported, dying = climbing.export, [], [True]

    def dies(model: Path, out: Path, **rest: Any) -> Any:
        if dying and len(exported) == 2:
            dying.clear()
            raise KeyboardInterrupt
        exported.append(out.name)
        return honest(model, out, **rest)

    monkeypatch.setattr(climbing, "export", dies)
    with pytest.raises(KeyboardInterrupt):
        dagen.compress(model, tmp_path, **given)
    assert exported == ["32x48-float32.onnx", "32x48-fp16.onnx"]
    exported.clear()
    found = dagen.compress(model, tmp_path, **given)
    assert exported == ["32x48-int8.onnx"]
    exported.clear()
    # The same from the start is the same; what was changed is made again.
    whole = dagen.compress(model, tmp_path / "other", **given)
    assert [each.loss for each in found.tried] == [each.loss for each in whole.tried]
    exported.clear()
    (tmp_path / "32x48-fp16.onnx").unlink()
    dagen.compress(model, tmp_path, **given)
    assert exported == ["32x48-fp16.onnx"]
    dagen.compress(model, tmp_path, **{**given, "precisions": ["float32"], "licence": "MIT"})
    assert exported == ["32x48-fp16.onnx", "32x48-float32.onnx"]


def test_scores_have_the_name_of_the_task(tmp_path: Path) -> None:
    """Waste is a word for waste alone."""
    rung = Rung("onnx", "int8", (32, 48))
    tried = [Tried(rung, tmp_path / rung.file, 1, 1, 0.0, 1.0, 1.0, "runtime", 12.3)]
    for task, figure, told in (
        ("binary", "waste_iou", "waste IoU"), ("classes", "foreground_miou", "foreground mIoU"),
        ("classes", "waste_iou", "foreground IoU"), ("classes", "miou", "mIoU"),
    ):  # fmt: skip
        found = Found("toy", tried, tried, None, [], "4 images", 1, task, figure, "street")
        table, _, document = write(found, tmp_path, "run", (32, 48), 10, 1)
        text = table.read_text()
        assert f"| {told} | front |" in text and f"{told[1:]} in per cent on street val" in text
        assert ("aste" in text) == (told == "waste IoU")
        assert json.loads(document.read_text())["score"] == figure
        (entry,) = entries(found)
        assert entry.metrics[figure] == pytest.approx(0.123)


def test_no_label_and_no_evaluation_image_decides(
    model: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Masks of the split ``val`` are looked at in the end alone, if asked."""
    opened: list[str] = []
    honest = ground.open_dataset

    def watched(name: str, split: str, *rest: Any) -> Any:
        opened.append(split)
        dataset = honest(name, split, *rest)
        monkeypatch.setattr(type(dataset), "label", lambda *_: pytest.fail("a label was opened"))
        return dataset

    monkeypatch.setattr(ground, "open_dataset", watched)
    against = ground.ground(model, None, data)
    assert opened == ["train"] and len(against.wanted) == 4


def test_nothing_within_the_limits(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    command = [
        "dagen", "compress", str(model), "--sizes", "32x48", "--precisions", "float32",
        "--formats", "onnx", "--cap", "1000", "--out", str(tmp_path / "out"), "--no-track",
        "--data-root", str(data), "--quiet",
    ]  # fmt: skip
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    assert ended.value.code == 1 and "no file has at most 1,000 bytes" in err
    assert "32x48" in out and (tmp_path / "out" / "compression.md").exists()
    command[command.index("1000")] = "1000000"
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    assert ended.value.code == 0 and "32x48-float32.onnx" in out and err == ""


def test_wrong_use(model: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cap is 0"):
        dagen.compress(model, tmp_path, cap=0)
    with pytest.raises(UsageError, match="takes multiples of 4"):
        dagen.compress(model, tmp_path, sizes=["33x64"], data_root=data)
    with pytest.raises(DagenError, match="taco"):
        dagen.compress(model, tmp_path, data_root=tmp_path / "none", track=False)
