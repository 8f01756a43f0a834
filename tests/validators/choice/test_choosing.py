"""Whole runs that keep several checkpoints and choose one."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from safetensors.torch import load_file

from dagen import plugins
from dagen.engine import loop
from dagen.engine.run import run
from dagen.engine.states import save_state
from dagen.errors import UsageError
from dagen.runs.config import Config, from_mapping
from dagen.runs.history import read_records
from dagen.runs.results import RunResult
from dagen.runs.runtime import Runtime
from dagen.scoring.shared import evaluate_shared
from dagen.types import Task
from tests import tiny
from tests.toy import ToyNetwork

SMALL = {
    "src": "resortit", "tgt": "taco", "model": "toy", "task": "binary",
    "size": [32, 64], "steps": 4, "batch": 2, "warmup": 1, "candidates": 2, "method": "minent",
}  # fmt: skip


def small(**values: object) -> Config:
    return from_mapping({**SMALL, **values})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network of two convolutions, as if a package brought it, and no pictures."""
    brought = {"models": {"toy": SimpleNamespace(load=lambda: ToyNetwork)}}
    monkeypatch.setattr(plugins, "_outside", lambda kind: brought.get(kind, {}))
    monkeypatch.setattr("dagen.scoring.prediction_sheets.draw", lambda *_, **__: Path(__file__))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    tiny.make_resortit(root, train=4, val=2)
    tiny.make_taco(root, train=4, val=2)
    return root


@pytest.fixture
def runtime(tmp_path: Path, data: Path) -> Runtime:
    return Runtime(
        runs=tmp_path, data_root=data, device="cpu", workers=0, track=False, quiet=True,
        save_every=1,
    )  # fmt: skip


def files(result: RunResult) -> dict[str, bytes]:
    kept = (result.folder / "candidates").iterdir()
    return {path.name: path.read_bytes() for path in (*kept, result.model)}


def test_result_log_and_deployed_file_agree(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    picks = {"select": "entropy"}
    config = small(**picks)
    scored: list[str] = []

    def counted(*args: object, **more: object) -> object:
        scored.append(str(args[1]))
        return evaluate_shared(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("dagen.validators.choice.choosing.evaluate_shared", counted)
    result = run(config, runtime)
    assert scored == ["taco"] * 2
    told = result.selection
    assert told is not None
    validators = told.picks
    assert set(validators) | set(told.not_applicable) == {
        "oracle", "last", *plugins.names("validators"),
    }  # fmt: skip
    for entry in validators.values():
        assert entry.step in (2, 4) and entry.regret is not None and entry.regret >= 0
        assert entry.waste_iou == pytest.approx(entry.foreground_miou)
    assert validators["oracle"].regret == 0 and validators["last"].step == 4
    assert told.select == "entropy" and told.scored_on == "taco"
    assert told.step == validators["entropy"].step
    assert told.forwards_per_candidate == 4 * 4 + 2  # target, two views, a mix; the source
    steps = {one.step: one for one in told.candidates}
    assert set(steps) == {2, 4}
    assert steps[told.step].scores == result.scores["taco"]
    name = f"{told.step:08d}.safetensors"
    assert files(result)[name] == files(result)["model.safetensors"]
    loaded = json.loads((result.folder / "result.json").read_text())["extra"]
    assert loaded == json.loads(json.dumps(result.findings()))

    metrics = [r for r in read_records(result.folder) if r["kind"] == "metrics"]
    last = metrics[-1]["values"]
    assert last["validators/snd/step"] == validators["snd"].step
    assert last["validators/snd/regret"] == validators["snd"].regret
    curve = [r for r in metrics if "candidates/waste_iou" in r["values"]]
    assert [r["step"] for r in curve] == [2, 4]
    assert curve[0]["values"]["candidates/entropy"] == steps[2].values["entropy"]


def test_keeping_candidates_changes_no_bit_of_the_training(runtime: Runtime) -> None:
    for parts in (("mean-teacher",), ("adabn",)):
        several = run(small(method=parts), runtime)
        alone = run(small(method=parts, candidates=1), runtime)
        assert alone.selection is None and not (alone.folder / "candidates").exists()
        one, two = load_file(several.model), load_file(alone.model)
        assert one.keys() == two.keys() and all((one[k] == two[k]).all() for k in one)
        assert several.scores == alone.scores


def test_killed_between_a_candidate_and_its_state_and_resumed(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small(select="infomax", batch_norm="separate", candidates=4)
    whole = run(config, replace(runtime, runs=tmp_path / "whole"))
    assert len(files(whole)) == 2 * 4 + 1
    save = save_state

    for at in (2, 4):

        def dying(folder: Path, step: int, state: dict[str, object], at: int = at) -> None:
            if step == at:
                raise KeyboardInterrupt
            save(folder, step, state)

        monkeypatch.setattr(loop, "save_state", dying)
        with pytest.raises(KeyboardInterrupt):
            run(config, runtime)
        kept = sorted((runtime.runs / config.name / "candidates").glob("0000000?.safetensors"))
        assert len(kept) == at  # written before the state that was lost
    monkeypatch.setattr(loop, "save_state", save)
    again = run(config, runtime)
    assert files(again) == files(whole)
    assert again.selection == whole.selection


def test_target_labels_move_no_pick(runtime: Runtime, tmp_path: Path) -> None:
    root = tmp_path / "own"
    tiny.make_resortit(root, train=4, val=2)
    tiny.make_taco(root, train=4, val=2)
    told, scores, shipped = [], [], []
    for damage in ("none", "noise", "deleted"):
        if damage == "noise":
            tiny.scramble_taco(root / "taco", seed=1)
        if damage == "deleted":
            (root / "taco" / "data" / "annotations.json").unlink()
        there = replace(runtime, data_root=root, runs=tmp_path / damage)
        result = run(small(select="combined"), there)
        assert result.selection is not None
        told.append([one.values for one in result.selection.candidates])
        scores.append(result.selection.picks)
        shipped.append(result.model.read_bytes())
    assert told[0] == told[1] == told[2] and len(told[0][0]) >= 8
    assert shipped[0] == shipped[1] == shipped[2]
    assert scores[0]["last"] != scores[1]["last"]
    assert "oracle" not in scores[2] and scores[2]["snd"].regret is None


def test_source_only_is_judged_by_the_source_alone(runtime: Runtime) -> None:
    config = small(select="source-val").source_only()
    result = run(config, runtime)
    found = result.selection
    assert found is not None and set(found.picks) == {"oracle", "last", "source-val"}
    assert found.scored_on == "taco"  # named in score
    assert found.forwards_per_candidate == 2
    untold = run(replace(config, score=()), runtime)
    assert untold.selection is not None
    assert set(untold.selection.picks) == {"last", "source-val"}
    assert set(untold.scores) == {"resortit"}


def test_a_choice_by_labels_that_are_not_there_is_refused_before_training(
    runtime: Runtime, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    tiny.make_folder(root, task=Task.BINARY)
    tiny.make_taco(root, train=2, val=1)
    shutil.rmtree(root / "folder" / "masks" / "val")
    there = replace(runtime, data_root=root)
    with pytest.raises(UsageError, match="reads labels of folder val, but there are none"):
        run(small(src="folder", select="combined"), there)
    assert not list(tmp_path.glob("folder-*/*state*"))
    assert run(small(src="folder", select="infomax"), there).selection is not None
