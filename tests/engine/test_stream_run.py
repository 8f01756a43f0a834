"""Whole runs over a stream, from a checkpoint on tiny data sets."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from dagen import cli
from dagen.datasets.base import Dataset
from dagen.datasets.loading.opening import open_dataset
from dagen.engine import online
from dagen.engine.init_baseline import score_init
from dagen.engine.run import run, run_pair
from dagen.errors import DagenError, UsageError
from dagen.models.base import create_network
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import load_deployed, save_deployed
from dagen.runs import describe, results
from dagen.runs.config import Config
from dagen.runs.history import history
from dagen.runs.plan import plan_run
from dagen.runs.reading import load
from dagen.runs.runtime import Runtime
from dagen.scoring import prediction_sheets
from dagen.scoring.evaluation import evaluate
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.system.distributed import World
from dagen.types import Task
from tests import tiny

ALONE = World(0, 1, torch.device("cpu"))
NAMES = ["tent", "eata", "cotta"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    tiny.make_taco(root, train=2, val=3)
    return root


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sheets are tested elsewhere and take half of a tiny run's time."""

    def draw(dataset: Dataset, models: Mapping[str, object], path: Path, caption: str) -> Path:
        path.write_text("\n".join(models))
        return path

    monkeypatch.setattr(prediction_sheets, "draw", draw)


@pytest.fixture
def init(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "given.safetensors"
    network = create_network("enet", Task.BINARY, 0.25, {})
    with torch.no_grad():
        network.get_parameter("head.weight").mul_(20)  # sure of some pixels: eata asks for it
    card = Card("enet", "binary", (32, 64), 0.25)
    save_deployed(path, network, card)
    return path


def config(init: Path, method: str = "tent", **flags: object) -> Config:
    given = {"src": "resortit", "tgt": "taco", "batch": 1, "init": str(init), "steps": 2}
    return load(flags={**given, "method": method, "warmup": 1, **flags})


def test_the_checkpoint_says_what_the_network_is(init: Path) -> None:
    found = config(init)
    assert (found.model, found.task, found.width, found.size) == ("enet", "binary", 0.25, (32, 64))
    assert config(init, size="64x64").size == (64, 64)


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("method", [*NAMES, "shot"])
def test_a_run_needs_the_checkpoint_and_the_target_alone(
    method: str, init: Path, runtime: Runtime
) -> None:
    pair = run_pair(config(init, method, candidates=1), runtime)
    assert pair.source_free and set(pair.adapted.scores) == {"taco"}  # no source on this machine
    network, _ = load_deployed(init)
    val = open_dataset("taco", "val", Task.BINARY, runtime.data_root)
    plain = evaluate(TorchPredictor(network, Task.BINARY, (32, 64)), val).to_dict()
    assert pair.baseline.scores["taco"] == pytest.approx(plain)
    assert pair.baseline.model.read_bytes() == init.read_bytes()
    adapted, card = load_deployed(pair.adapted.model)
    assert card.model == "enet"
    changed = [n for n, p in adapted.named_parameters() if not n.startswith("aux.")]
    assert any(not torch.equal(adapted.get_parameter(n), network.get_parameter(n)) for n in changed)
    columns = (pair.adapted.folder / "predictions-taco.png").read_text().split("\n")
    assert columns == ["before", method]  # nobody knows that the checkpoint was source-only
    if method != "shot":
        stream = pair.adapted.stream
        assert stream is not None and stream.images == 3
        assert stream.changed is not None and 0 <= stream.changed <= 1
        rows = stream.rows
        assert list(rows) == ["before", "batch-norm", "after"]
        assert rows["before"] == pair.baseline.scores["taco"]
        assert rows["after"] == pair.adapted.scores["taco"] != rows["batch-norm"]
        logged = history(pair.adapted.folder)
        assert [step for step, _ in logged[f"train/{method}/main"]] == [3]
        assert logged["target/changed"] == [(3, stream.changed)]
        for name in ("target/waste_iou", "target/before/waste_iou", "target/batch-norm/waste_iou"):
            assert [step for step, _ in logged[name]] == [3]


@pytest.mark.usefixtures("no_pictures")
def test_the_source_is_scored_where_it_is_asked_for(
    init: Path, runtime: Runtime, data: Path
) -> None:
    tiny.make_resortit(data, train=1, val=1)
    result = run(config(init, score=["resortit"]), runtime)
    assert set(result.scores) == {"taco", "resortit"}
    again = run(config(init, score=["resortit"]), runtime)  # finished: nothing is redone
    assert (again.scores, again.stream) == (result.scores, result.stream)


@pytest.mark.usefixtures("no_pictures")
def test_passes_over_the_training_images_come_first(
    init: Path, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, seen = online.Learner.__call__, []

    def noting(self: online.Learner, image: Tensor, names: list[str]) -> Tensor:
        seen.append(names)
        return call(self, image, names)

    monkeypatch.setattr(online.Learner, "__call__", noting)
    result = run(config(init, parts={"tent": {"passes": 2}}), runtime)
    train = open_dataset("taco", "train", Task.BINARY, runtime.data_root)
    val = open_dataset("taco", "val", Task.BINARY, runtime.data_root)
    names = [[images.name(i)] for images in (train, train, val) for i in range(len(images))]
    assert seen == names and len(names) == 7
    assert result.stream is not None and result.stream.images == 3
    text = describe.budget(result.config, 3)
    assert "the 3 images that are scored" in text
    assert text.endswith(
        "after 2 passes over the unlabelled training images, from a trained network"
    )


@pytest.mark.usefixtures("no_pictures")
def test_killed_and_resumed_gives_the_same_file(
    init: Path, runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(config(init), replace(runtime, runs=tmp_path / "whole"))
    call, calls = online.Learner.__call__, [0]

    def dying(self: online.Learner, image: Tensor, names: list[str]) -> Tensor:
        calls[0] += 1
        if calls[0] == 3:
            raise KeyboardInterrupt
        return call(self, image, names)

    monkeypatch.setattr(online.Learner, "__call__", dying)
    saving = replace(runtime, save_every=1)
    with pytest.raises(KeyboardInterrupt):
        run(config(init), saving)
    assert [p.name for p in runtime.runs.glob("*/state-*.pt")]
    again = run(config(init), saving)
    assert calls[0] == 4  # one image was left
    assert again.model.read_bytes() == whole.model.read_bytes()
    assert again.scores == whole.scores and again.stream == whole.stream
    assert not list(runtime.runs.glob("*/state-*.pt"))


def test_what_cannot_run_is_refused_before_anything_is_written(
    init: Path, runtime: Runtime, tmp_path: Path
) -> None:
    def without_init(method: str) -> Config:
        return load(flags={"src": "resortit", "tgt": "taco", "method": method})

    refused: list[tuple[Callable[[], Config], type[DagenError], str]] = [
        *[(lambda m=m: without_init(m), UsageError, f"{m} starts from .*--init") for m in NAMES],
        (lambda: without_init("shot"), UsageError, "shot starts from a trained network.*--init"),
        (lambda: config(init, tgt=None), UsageError, "tent needs a target"),
        (lambda: config(tmp_path / "no.safetensors"), DagenError, "no.safetensors is not a file"),
        (lambda: config(init, model="bisenet"), UsageError, "holds enet.*this run trains bisenet"),
        (lambda: config(init, "fda,tent"), UsageError, "'tent' adapts over a stream"),
        (lambda: config(init, select="entropy"), UsageError, "entropy"),
        (lambda: config(init, target_labels=2), UsageError, "target_labels"),
    ]
    for make, kind, message in refused:
        with pytest.raises(kind, match=message) as error:
            run(make(), runtime)
        assert "\n" not in str(error.value)
    assert not runtime.runs.exists()


def test_several_processes_are_refused(init: Path) -> None:
    from dagen.runs.plan import plan_run

    with pytest.raises(UsageError, match="one process"):
        plan_run(config(init, batch=2), processes=2)


def test_the_command_prints_before_batch_norm_and_after(
    init: Path,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    args = ["adapt", "--method", "tent", "--init", str(init), "--tgt", "taco", "--batch", "1"]
    more = ["--data-root", str(data), "--device", "cpu", "--no-track", "--quiet"]
    monkeypatch.setattr("sys.argv", ["dagen", *args, *more])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    out = capsys.readouterr().out
    assert re.search(r"tent gives \d+\.\d\d % of the pixels of taco another class than batch", out)
    for word in ("before", "batch norm only", "tent", "change", "taco val", "predictions-taco.png"):
        assert word in out
    (folder,) = Path("runs").glob("resortit-taco-*")
    assert results.load(folder) is not None
    assert json.loads((folder / "config.json").read_text())["init"] == str(init)


def test_a_finished_baseline_is_known_by_the_file_and_not_by_its_name(
    init: Path, runtime: Runtime
) -> None:
    first = score_init(plan_run(config(init)), runtime, ALONE)
    assert score_init(plan_run(config(init)), runtime, ALONE).scores == first.scores
    network, card = load_deployed(init)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1)
    save_deployed(init, network, card)
    second = score_init(plan_run(config(init)), runtime, ALONE)
    assert second.name != first.name and second.scores != first.scores
