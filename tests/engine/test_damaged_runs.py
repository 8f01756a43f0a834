"""Runs that lost a file: the same command makes it again, to the bit, or says what to do."""

import json
import logging
from dataclasses import replace

import pytest

from dagen.engine import training_run
from dagen.engine.run import run, run_pair
from dagen.errors import DagenError
from dagen.runs import results
from dagen.runs.config import Config, from_mapping
from dagen.runs.history import LOG
from dagen.runs.results import RunResult
from dagen.runs.runtime import Runtime

SMALL = {
    "src": "resortit", "tgt": "taco", "model": "enet", "width": 0.25, "task": "binary",
    "size": [32, 64], "steps": 4, "batch": 2, "warmup": 1,
}  # fmt: skip
DAMAGES = {
    "gone": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-40]),
    "another's": lambda path: path.write_text('{"name": "x"}'),
}


def small(**values: object) -> Config:
    return from_mapping({**SMALL, **values})


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs whose loop runs."""
    names: list[str] = []
    fit = training_run.fit

    def counted(stack, batches, config, world, folder, **keywords):  # type: ignore[no-untyped-def]
        names.append(folder.name)
        return fit(stack, batches, config, world, folder, **keywords)

    monkeypatch.setattr(training_run, "fit", counted)
    return names


def same(found: RunResult, before: RunResult) -> bool:
    """Whether two results are equal; the time of scoring is no part of them."""
    return found == replace(before, seconds=found.seconds)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_lost_result_is_scored_again_without_training(
    runtime: Runtime, trained: list[str], damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = small(method="minent", candidates=2)
    before = run(config, runtime)
    content = before.model.read_bytes()
    DAMAGES[damage](before.folder / results.FILE)
    trained.clear()
    with caplog.at_level(logging.WARNING):
        found = run(config, runtime)
    assert trained == [] and same(found, before) and abs(found.seconds - before.seconds) < 60
    assert found.model.read_bytes() == content
    assert results.load(found.folder) is not None
    if damage != "gone":
        assert "result.json is damaged" in caplog.text


def test_a_lost_result_without_a_choice(runtime: Runtime, trained: list[str]) -> None:
    config = small(method="minent")
    before = run(config, runtime)
    (before.folder / results.FILE).write_text("{")
    trained.clear()
    assert same(run(config, runtime), before) and trained == []


@pytest.mark.parametrize("lost", ["model", "model and result", "log", "candidate", "statistics"])
def test_what_is_not_there_is_trained_again(
    runtime: Runtime, trained: list[str], lost: str
) -> None:
    separate = {"batch_norm": "separate"} if lost == "statistics" else {}
    config = small(method="minent", candidates=1 if separate else 2, **separate)
    before = run(config, runtime)
    content = before.model.read_bytes()
    if lost != "model":
        (before.folder / results.FILE).unlink()
    if lost.startswith("model"):
        before.model.unlink()
    elif lost == "log":
        (before.folder / LOG).unlink()
    elif lost == "candidate":
        file = next((before.folder / "candidates").glob("*.safetensors"))
        file.write_bytes(file.read_bytes()[:-1])
    trained.clear()
    found = run(config, runtime)
    assert trained == [before.name] and same(found, before)
    assert found.model.read_bytes() == content


def test_a_damaged_candidate_is_refused_before_it_is_deployed(runtime: Runtime) -> None:
    config = small(method="minent", candidates=2)
    flipped = []

    def damage(self: object, step: int) -> None:
        keep(self, step)  # type: ignore[arg-type]
        if step == 2:
            file = next((runtime.runs / config.name / "candidates").glob("00000002.safetensors"))
            content = bytearray(file.read_bytes())
            content[-5] ^= 4
            file.write_bytes(content)
            flipped.append(file)

    keep = training_run.TrainingRun._keep
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_run.TrainingRun, "_keep", damage)
        with pytest.raises(DagenError, match=r"00000002.*differ from their checksum") as error:
            run(config, runtime)
    assert flipped and "--fresh" in str(error.value) and "\n" not in str(error.value)
    assert not (runtime.runs / config.name / results.MODEL).exists()


def test_states_that_a_kill_left_behind_a_result_are_removed(runtime: Runtime) -> None:
    result = run(small(tgt=None), runtime)
    (result.folder / "state-00000004.pt").write_bytes(b"left by a kill")
    assert run(small(tgt=None), runtime).weights == result.weights
    assert not list(result.folder.glob("state-*"))


def test_a_newer_result_stops_the_command(runtime: Runtime) -> None:
    result = run(small(tgt=None), runtime)
    path = result.folder / results.FILE
    newer = json.dumps({**json.loads(path.read_text()), "format": 99})
    path.write_text(newer)
    with pytest.raises(DagenError, match="Update dagen"):
        run(small(tgt=None), runtime)
    assert path.read_text() == newer


def test_a_damaged_init_is_refused_before_anything_is_trained(
    runtime: Runtime, trained: list[str]
) -> None:
    start = run(small(tgt=None), runtime)
    init = runtime.runs / "start.safetensors"
    content = bytearray(start.model.read_bytes())
    content[-100] ^= 1
    init.write_bytes(content)
    trained.clear()
    for method in ("minent", "shot"):
        with pytest.raises(DagenError, match="differ from their checksum") as error:
            run_pair(small(method=method, init=str(init)), runtime)
        assert "\n" not in str(error.value)
    assert trained == []


def test_the_scores_of_a_given_checkpoint_are_made_again(runtime: Runtime) -> None:
    start = run(small(tgt=None), runtime)
    config = small(method="shot", init=str(start.model))
    before = run_pair(config, runtime).baseline
    assert before.weights == start.weights
    (before.folder / results.FILE).write_text("{}")
    assert run_pair(config, runtime).baseline.scores == before.scores
    before.model.unlink()
    assert run_pair(config, runtime).baseline.model.read_bytes() == start.model.read_bytes()
