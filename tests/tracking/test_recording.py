"""What a whole run tells MLflow."""

import json
from pathlib import Path

import pytest

from dagen.engine.run import run
from dagen.errors import Stopped
from dagen.runs.config import from_mapping
from dagen.runs.history import read_records
from dagen.runs.plan import plan_run
from dagen.runs.runtime import Runtime
from dagen.tracking.recording import commit, figures, gains, parameters, tracked
from tests import tiny
from tests.tracking import made

ROOT = Path(__file__).parents[2]
VALUES = {
    "src": "resortit", "tgt": "taco", "method": "advent", "model": "enet", "width": 0.25,
    "size": [32, 64], "steps": 3, "batch": 2, "warmup": 1,
}  # fmt: skip


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    tiny.make_resortit(tmp_path / "data")
    tiny.make_taco(tmp_path / "data")
    return Runtime(
        runs=tmp_path / "runs", data_root=tmp_path / "data", device="cpu", workers=0, quiet=True,
        track=False,
    )  # fmt: skip


def test_everything_that_a_researcher_compares_is_logged(runtime: Runtime) -> None:
    result = run(from_mapping(VALUES), runtime)
    records = read_records(result.folder)
    by_kind: dict[str, list[dict[str, object]]] = {}
    for record in records:
        by_kind.setdefault(record["kind"], []).append(record)
    assert set(by_kind) >= {"params", "tags", "metrics", "dataset", "artifact", "model", "status"}
    params = {k: v for record in by_kind["params"] for k, v in dict(record["values"]).items()}  # type: ignore[call-overload]
    assert params["src"] == "resortit" and params["lr"] == "0.002"
    last = dict(by_kind["metrics"][-1]["values"])  # type: ignore[call-overload]
    for name in ("source/waste_iou", "target/waste_iou", "target/iou/background", "target/ece"):
        assert 0 <= last[name] <= 1
    assert last["profile/flops"] == 2 * last["profile/macs"]
    assert last["profile/bytes"] < 10_000_000
    first = dict(by_kind["metrics"][0]["values"])  # type: ignore[call-overload]
    assert {"train/loss", "train/supervised/main", "train/advent/discriminate"} <= set(first)
    roles = {record["role"]: record["name"] for record in by_kind["dataset"]}
    assert roles == {"source": "resortit/train", "target": "taco/train"}
    assert by_kind["status"][-1]["status"] == "FINISHED"
    tags = {k for record in by_kind["tags"] for k in dict(record["values"])}  # type: ignore[call-overload]
    assert {"git.commit", "dagen.version", "torch.version"} <= tags


def test_a_run_that_fails_says_so(runtime: Runtime) -> None:
    victim = sorted((Path(str(runtime.data_root)) / "taco" / "data" / "batch_1").iterdir())[0]
    victim.write_bytes(b"no image")
    config = from_mapping({**VALUES, "zoom": 1.5})
    with pytest.raises(Exception, match=victim.name):
        run(config, runtime)
    folder = runtime.runs / config.name
    assert not (folder / "result.json").exists()
    if (folder / "log.jsonl").exists():
        lines = (folder / "log.jsonl").read_text().splitlines()
        assert json.loads(lines[-1])["status"] == "FAILED"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SystemExit(1), "KILLED"), (KeyboardInterrupt(), "KILLED"), (Stopped("saved."), "KILLED"),
        (MemoryError(), "FAILED"),
    ],
)  # fmt: skip
def test_a_run_that_was_ended_from_outside_has_not_failed(
    error: BaseException, status: str, runtime: Runtime
) -> None:
    plan, folder = plan_run(from_mapping(VALUES)), runtime.runs / "run"
    with pytest.raises(type(error)), tracked(plan, runtime, folder):
        raise error
    assert [record["status"] for record in read_records(folder)] == [status]


def test_the_commit_of_code_without_its_history(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DAGEN_COMMIT", "c0ffee")
    assert commit() != "c0ffee" or not (ROOT / ".git").exists()  # git knows better
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit() == "c0ffee"
    monkeypatch.delenv("DAGEN_COMMIT")
    assert commit() is None


def test_parameters_are_flat_readable_and_complete() -> None:
    parts = {"advent": {"weight": 0.5}}
    found = parameters(plan_run(made.config("fda,advent", parts=parts, score=["other"])))
    assert found["method"] == "fda+advent" and found["size"] == "32x64"
    assert found["parts.advent.weight"] == "0.5"
    assert any(name.startswith("parts.fda.") for name in found)  # at their defaults
    assert not {"score", "init", "recipe", "parts", "model_options"} & set(found)
    assert all(isinstance(value, str) for value in found.values())
    # The same names whatever was left at its default, so that runs can be laid side by side.
    assert set(found) == set(parameters(plan_run(made.config("fda,advent"))))
    assert parameters(plan_run(made.source_only()))["method"] == "source-only"
    assert parameters(plan_run(made.source_only()))["tgt"] == "none"
    assert parameters(plan_run(made.config(init="run:x")))["init"] == "run:x"


def test_figures_have_the_same_names_whatever_the_data_are_called(tmp_path: Path) -> None:
    for tgt in ("taco", "coco"):
        before = made.finish(made.source_only(tgt=tgt), tmp_path, target=0.1, source=0.8)
        run_ = made.finish(made.config(tgt=tgt, score=["third"]), tmp_path, target=0.25)
        found = figures(run_)
        assert found["target/miou"] == 0.27 and found["source/miou"] == 0.77
        assert found["third/waste_iou"] == run_.score("third", "waste_iou")
        assert found["third/foreground_miou"] == run_.score("third")  # the task's headline
        gained = gains(run_, before)
        assert gained["gain/target/miou"] == pytest.approx(0.15)
        assert gained["gain/source/waste_iou"] == pytest.approx(-0.05)
        assert not any("third" in name for name in gained)
    assert gains(run_, None) == {}


def test_the_note_says_what_was_run_what_it_gained_and_how_to_make_it_again(tmp_path: Path) -> None:
    def note(folder: Path) -> str:
        tags: dict[str, str] = {}
        for record in read_records(folder):
            tags |= record["values"] if record["kind"] == "tags" else {}
        return tags["mlflow.note.content"]

    alone = note(made.finish(made.config(seed=5), tmp_path).folder)
    assert "On taco val: foreground mIoU 27.1 %, " in alone and "change" not in alone
    made.finish(made.source_only(), tmp_path, target=0.1, source=0.8)
    text = note(made.finish(made.config(), tmp_path).folder)
    first, second = text.split("\n\n")[:2]
    assert first == (
        "**advent** on **enet**, resortit to taco, task material: 40 steps of batch 2 at 32x64, "
        "seed 0."
    )
    assert second.startswith("On taco val: foreground mIoU 27.1 % (+15.0)")
    assert "the change from source-only" in second
    assert "| **mIoU** | 12.0 | 27.0 | +15.0 |" in text
    assert "| **mIoU** | 82.0 | 77.0 | −5.0 |" in text and "| paper | 12.0 | 27.0 | +15.0 |" in text
    assert "dagen adapt --src resortit --tgt taco --method advent" in text
    assert "1.54 MB deployed, 0.500 GMAC" in text
