"""Quantisation-aware fine-tuning, from a run to an int8 file that is nearer to float32."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import dagen
from dagen import cli
from dagen.cli.export import told
from dagen.deploy import fine_tuning
from dagen.deploy.fine_tuning import config_of
from dagen.engine.run import run
from dagen.errors import DagenError, UsageError
from dagen.models.deployed.file import load_deployed, read_card, save_deployed
from dagen.runs.config import from_mapping
from dagen.runs.results import RunResult, load
from dagen.runs.runtime import Runtime
from tests.deploy.conftest import with_data

SETTINGS = {
    "src": "resortit", "tgt": "taco", "method": ["mean-teacher", "advent", "adabn"], "model": "toy",
    "task": "binary", "size": [32, 48], "steps": 40, "batch": 2, "warmup": 1, "lr": 0.01,
    "candidates": 2, "select": "entropy", "parts": {"advent": {"weight": 0.002}},
}  # fmt: skip
STEPS = 80


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory, toys: None) -> Runtime:
    return with_data(tmp_path_factory.mktemp("all"), images=8)


@pytest.fixture(scope="module")
def trained(runtime: Runtime) -> RunResult:
    return run(from_mapping(SETTINGS), runtime)


@pytest.fixture(scope="module")
def hard(trained: RunResult, runtime: Runtime) -> Path:
    """The same network, but for rounding, in which one channel is 600 times as large as others.

    8 bits for all of them leave the others few levels.
    """
    network, card = load_deployed(trained.model)
    with torch.no_grad():
        norm, head = network.get_submodule("stem.1"), network.get_submodule("head")
        norm.weight[0] *= 600  # type: ignore[index, operator]
        norm.bias[0] *= 600  # type: ignore[index, operator]
        head.weight[:, 0] /= 600  # type: ignore[index, operator]
    path = runtime.runs / "hard.safetensors"
    save_deployed(path, network, replace(card, run={**card.run, "lr": 0.1}))
    return path


def exported(model: Path, runtime: Runtime, name: str, **options: Any) -> Any:
    return dagen.export(
        model, runtime.runs / name, int8=True, data_root=runtime.data_root, runs=runtime.runs,
        track=False, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def tuned(hard: Path, runtime: Runtime) -> Any:
    return exported(hard, runtime, "tuned.onnx", fine_tune=STEPS)


def test_it_loses_less(hard: Path, tuned: Any, runtime: Runtime) -> None:
    before = exported(hard, runtime, "before.onnx").facts.calibration
    after = tuned.facts.calibration
    assert before["agreement_loss"] > 20
    assert after["agreement_loss"] < 0.7 * before["agreement_loss"]
    assert after["fine_tuned"]["loss_before"] == before["agreement_loss"]
    assert after["fine_tuned"]["loss_after"] == after["agreement_loss"]


def test_the_run_has_the_strategies_of_its_network(trained: RunResult, hard: Path) -> None:
    config = config_of(hard, 7)
    assert config.method == ("supervised", "mean-teacher", "advent", "distill", "qat")
    assert config.parts["advent"] == {"weight": 0.002}
    assert config.parts["mean-teacher"] == {"decay": 1.0, "predict": False}
    assert config.parts["distill"]["teacher"] == config.init == str(hard)
    assert (config.steps, config.warmup, config.power, config.weight_decay) == (7, 0, 0, 0)
    assert config.lr == pytest.approx(0.01) and config.select == "last" and config.candidates == 1
    alike = ("src", "tgt", "model", "size", "task", "batch", "seed", "zoom", "augment")
    assert all(getattr(config, n) == getattr(from_mapping(trained.config), n) for n in alike)


def test_statistics_and_averages_stay_as_they_were(
    hard: Path, tuned: Any, runtime: Runtime
) -> None:
    result = load(runtime.runs / tuned.facts.calibration["fine_tuned"]["run"])
    assert result is not None
    before, after = load_file(hard), load_file(result.model)
    statistics = [name for name in before if "running" in name]
    assert len(statistics) == 2
    assert all(torch.equal(before[name], after[name]) for name in statistics)
    assert not torch.equal(before["stem.0.weight"], after["stem.0.weight"])
    # The student itself is deployed, not the teacher, which stayed as it was.
    assert read_card(result.model).run["parts"]["mean-teacher"]["predict"] is False


def test_the_same_call_trains_nothing_again(
    hard: Path, tuned: Any, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[RunResult] = []
    honest = fine_tuning.run
    monkeypatch.setattr(
        fine_tuning, "run", lambda *given: found.append(honest(*given)) or found[-1]
    )
    again = exported(hard, runtime, "again.onnx", fine_tune=STEPS)
    assert found[0].earlier and again.facts.calibration == tuned.facts.calibration


def test_a_network_within_the_limit_is_not_trained(
    hard: Path, tuned: Any, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fine_tuning, "run", lambda *given: pytest.fail("it was trained"))
    found = exported(hard, runtime, "easy.onnx", fine_tune=STEPS, max_drop=100)
    assert "fine_tuned" not in found.facts.calibration


def test_without_training_no_choice_of_layers_is_as_near(
    hard: Path, tuned: Any, runtime: Runtime
) -> None:
    assert tuned.facts.calibration["floats"] == 0
    reached = tuned.facts.calibration["agreement_loss"]
    with pytest.raises(DagenError, match="with a single layer in 8 bits still more than"):
        exported(hard, runtime, "exact.onnx", max_drop=reached)


def test_fine_tuning_that_does_not_help_is_not_kept(
    trained: RunResult, runtime: Runtime, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setattr(fine_tuning, "RATE", 100)
    found = exported(trained.model, runtime, "worse.onnx", fine_tune=3)
    assert "fine-tuning did not help" in caplog.text
    assert found.facts.card.run == read_card(trained.model).run


def test_wrong_use(trained: RunResult, tmp_path: Path, runtime: Runtime) -> None:
    out = tmp_path / "x.onnx"
    with pytest.raises(UsageError, match="fine_tune is for int8"):
        dagen.export(trained.model, out, fine_tune=3)
    with pytest.raises(UsageError, match="fine_tune is -1"):
        dagen.export(trained.model, out, int8=True, fine_tune=-1)
    root = {"data_root": runtime.data_root}
    by_hand = tmp_path / "by hand.safetensors"
    network, card = load_deployed(trained.model)
    save_deployed(by_hand, network, replace(card, run={}))
    with pytest.raises(UsageError, match="no run whose strategies could train it"):
        dagen.export(by_hand, out, int8=True, fine_tune=3, **root)
    save_deployed(by_hand, network, replace(card, run={**trained.config, "method": ["tent"]}))
    with pytest.raises(UsageError, match="tent learns from a stream and cannot fine-tune"):
        dagen.export(by_hand, out, int8=True, fine_tune=3, **root)
    assert not out.exists()


def test_the_command(
    hard: Path, tuned: Any, runtime: Runtime, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    command = [
        "dagen", "export", str(hard), "--out", str(runtime.runs / "by-command.onnx"), "--int8",
        "--fine-tune", str(STEPS), "--runs", str(runtime.runs), "--data-root",
        str(runtime.data_root), "--no-track", "--quiet",
    ]  # fmt: skip
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert "Fine-tuned for 80 steps" in capsys.readouterr().out
    assert told(tuned)[-1] in "\n".join(told(tuned))
