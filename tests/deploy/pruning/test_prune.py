"""From a run to a pruned file that loads, trains, exports and predicts by itself."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import dagen
from dagen import cli
from dagen.cli.prune import told
from dagen.deploy.pruning import prune as pruning
from dagen.engine.run import run
from dagen.errors import DagenError, UsageError
from dagen.models.deployed.card import CardError, from_text, to_text
from dagen.models.deployed.file import load_deployed, read_card
from dagen.runs.config import from_mapping
from dagen.runs.results import RunResult
from dagen.runs.runtime import Runtime
from tests.deploy.conftest import photograph, with_data

SETTINGS = {
    "src": "resortit", "tgt": "taco", "method": "advent", "model": "toy", "task": "binary",
    "size": [32, 48], "steps": 8, "batch": 2, "warmup": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory, toys: None) -> Runtime:
    return with_data(tmp_path_factory.mktemp("all"))


@pytest.fixture(scope="module")
def trained(runtime: Runtime) -> RunResult:
    return run(from_mapping(SETTINGS), runtime)


@pytest.fixture(scope="module")
def small(trained: RunResult, runtime: Runtime) -> Any:
    return dagen.prune(trained.folder, macs=0.7, runtime=runtime)


def test_a_pruned_file_loads_by_itself(small: Any, trained: RunResult) -> None:
    pruned = small.pruned
    assert pruned.file == trained.folder / "pruned" / "macs-70.safetensors"
    network, card = load_deployed(pruned.file)
    whole, _ = load_deployed(trained.model)
    assert card.channels and card.channels == network.channels
    assert pruned.macs <= 0.7 * pruned.before and pruned.bytes < trained.model.stat().st_size
    for name, (before, now) in pruned.kept.items():
        assert whole.get_submodule(name).out_channels == before > now
        assert network.get_submodule(name).out_channels == now == card.channels[name][0]
    assert 0 <= pruned.loss <= 100 and pruned.told == "4 images of taco train"
    assert [each.layer for each in pruned.felt] == [*pruned.kept] == ["stem.0"]


def test_it_is_trained_by_the_settings_of_its_run(small: Any, trained: RunResult) -> None:
    assert small.result.config == {
        **trained.config, "init": str(small.pruned.file), "steps": 2, "warmup": 0,
    }  # fmt: skip
    assert small.model == small.result.model != small.pruned.file
    before, after = load_file(small.pruned.file), load_file(small.model)
    assert {n: t.shape for n, t in before.items()} == {n: t.shape for n, t in after.items()}
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert read_card(small.model).channels == read_card(small.pruned.file).channels
    assert small.result.profile["macs"] == small.pruned.macs


def test_it_exports_and_predicts(small: Any, runtime: Runtime, tmp_path: Path) -> None:
    exported = dagen.export(small.model, tmp_path / "small.onnx", data_root=runtime.data_root)
    assert exported.facts.card.channels == read_card(small.model).channels
    image = photograph(40, 60)
    ours, theirs = (dagen.predict(model, image) for model in (exported.file, small.model))
    np.testing.assert_allclose(ours.probabilities, theirs.probabilities, atol=1e-3)


def test_the_same_call_measures_nothing_again(
    small: Any, trained: RunResult, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    honest = pruning.agreement_loss
    monkeypatch.setattr(pruning, "agreement_loss", lambda *given: asked.append(1) or honest(*given))
    again = dagen.prune(trained.folder, macs=0.7, runtime=runtime)
    assert len(asked) == 1 and again.result.earlier  # only what the pruned network loses
    assert again.pruned == small.pruned
    # A record of other images or of another network does not count.
    record = trained.folder / "pruned" / pruning.RECORD
    text = record.read_text()
    record.write_text(text.replace("4 images of taco", "3 images of taco"))
    assert pruning._known(record, {"images": "3 images of taco train"}) == {}
    record.write_text(text)


def test_no_label_decides(
    trained: RunResult, runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dagen.deploy.compression import ground

    opened: list[str] = []
    honest = ground.open_dataset

    def watched(name: str, split: str, *rest: Any) -> Any:
        opened.append(split)
        dataset = honest(name, split, *rest)
        monkeypatch.setattr(type(dataset), "label", lambda *_: pytest.fail("a label was opened"))
        return dataset

    monkeypatch.setattr(ground, "open_dataset", watched)
    out = tmp_path / "by itself.safetensors"
    found = dagen.prune(trained.model, out, macs=0.9, steps=0, runtime=runtime)
    assert opened == ["train"] and found.model == out and found.result is None


def test_a_file_says_what_it_is(small: Any, tmp_path: Path) -> None:
    """Shapes alone do not make a pruned network: a file of other shapes is refused as before."""
    card = read_card(small.pruned.file)
    checks = ("format", "sha256", "weights")  # as of version 0.1, which had none
    plain = {k: v for k, v in json.loads(to_text(card, "x")).items() if k not in checks}
    for wrong in ({"stem.0": [9, 9, 9]}, {"stem.0": [0]}, ["stem.0"]):
        with pytest.raises(CardError):
            from_text(json.dumps({**plain, "channels": wrong}))
    for channels, wanted in (
        ({}, "does not fit toy"),
        ({"stage9": [4, 4]}, "the layer stage9 is pruned; there is none"),
        ({"stem.0": [400, 3]}, "has 400x3 channels; it has 8x3 before pruning"),
    ):
        path = tmp_path / "wrong.safetensors"
        text = json.dumps({**plain, "channels": channels})
        save_file(load_file(small.pruned.file), path, {"dagen": text})
        with pytest.raises(DagenError, match=wanted):
            load_deployed(path)


def test_wrong_use(trained: RunResult, runtime: Runtime, tmp_path: Path) -> None:
    for macs in (0, 1, 1.5):
        with pytest.raises(UsageError, match="must be above 0 and below 1"):
            dagen.prune(trained.model, macs=macs, runtime=runtime)
    with pytest.raises(UsageError, match="of its MACs at most, and 1 % is asked"):
        dagen.prune(trained.model, macs=0.01, runtime=runtime)
    with pytest.raises(UsageError, match=r"\.safetensors file"):
        dagen.prune(trained.model, tmp_path / "small.onnx", runtime=runtime)
    with pytest.raises(UsageError, match="steps"):
        dagen.prune(trained.model, steps=-1, runtime=runtime)


def test_the_command(
    small: Any, trained: RunResult, runtime: Runtime, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    command = [
        "dagen", "prune", str(trained.folder), "--macs", "0.7", "--runs", str(runtime.runs),
        "--data-root", str(runtime.data_root), "--no-track", "--quiet", "--workers", "0",
        "--device", "cpu",
    ]  # fmt: skip
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, _ = capsys.readouterr()
    assert ended.value.code == 0
    assert "points of agreement, on 4 images of taco train without" in out
    assert str(small.model) in out.replace("\n", "") and "Left alone" not in out
    left = replace(small.pruned, left=["stage1.3.branch.6"])
    assert "need all their channels: stage1.3.branch.6." in told(left)[-1]
