"""Adapting over a stream: the loop, and whole runs from a checkpoint on tiny data sets."""

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from dagen import cli
from dagen.datasets.base import Dataset, Image, Label
from dagen.datasets.loading.opening import open_dataset
from dagen.engine import online
from dagen.engine.init_baseline import score_init
from dagen.engine.loop import Hooks
from dagen.engine.run import run, run_pair
from dagen.engine.states import load_state
from dagen.errors import DagenError, Stopped, UsageError
from dagen.models.base import Network, create_network, upsample
from dagen.models.deployed.file import Card, load_deployed, save_deployed
from dagen.runs import results
from dagen.runs.config import Config
from dagen.runs.history import history
from dagen.runs.plan import plan_run
from dagen.runs.reading import load
from dagen.runs.runtime import Runtime
from dagen.scoring import prediction_sheets
from dagen.scoring.evaluation import evaluate
from dagen.scoring.metrics import Scores
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.types import Task
from tests import tiny
from tests.toy import ToyNetwork, setting, stacked

NAMES = ["tent", "eata", "cotta"]
CPU = torch.device("cpu")
SIZE = (16, 32)


class Photographs(Dataset):
    """Images of three shapes in a row of seven: broad, broad, broad, upright, broad ..."""

    SHAPES = ((20, 40), (20, 40), (20, 40), (40, 20), (20, 40), (24, 24), (24, 24))

    def __init__(self, labelled: bool = True) -> None:
        super().__init__(Path(), "val", Task.BINARY)
        self.labelled = labelled

    def __len__(self) -> int:
        return len(self.SHAPES)

    def name(self, index: int) -> str:
        return f"{index}.jpg"

    def image(self, index: int) -> Image:
        draw = np.random.default_rng(index)
        return draw.integers(0, 256, (*self.SHAPES[index], 3), dtype=np.uint8)

    def label(self, index: int) -> Label:
        assert self.labelled
        return (self.image(index)[..., 0] > 128).astype(np.uint8)

    @property
    def has_labels(self) -> bool:
        return self.labelled


def learner(name: str = "tent", **config: object) -> online.Learner:
    torch.manual_seed(0)
    stack = stacked(ToyNetwork(2), [name], {name: {"lr": 0.05, **config}}, setting())
    return online.Learner(stack, CPU)


def same(one: online.Learner, other: online.Learner) -> bool:
    left, right = one.stack.state_dict(), other.stack.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


@pytest.mark.parametrize("start", [0, 2, 4])
def test_groups_keep_the_order_and_end_where_the_size_changes(start: int) -> None:
    found = list(online.groups(Photographs(), SIZE, 2, 4, start))
    whole = [(0, 1), (2,), (3,), (4,), (5, 6)]
    assert [group.indices for group in found] == [g for g in whole if g[0] >= start]
    for group in found:
        assert len(group.image) == len(group.indices) == len(group.shapes)
        assert all(side % 4 == 0 for side in group.image.shape[-2:])
        assert group.shapes[0] == Photographs.SHAPES[group.indices[0]]


def test_a_full_group_does_not_wait_for_the_next_image() -> None:
    class Camera(Photographs):
        def image(self, index: int) -> Image:
            assert index == 0, "the second image was asked for before the first was answered"
            return super().image(index)

    assert next(online.groups(Camera(), SIZE, 1, 4)).indices == (0,)


@pytest.mark.parametrize("name", NAMES)
def test_the_answer_is_that_of_the_network_before_the_step(name: str) -> None:
    ours = learner(name)
    image = torch.rand(2, 3, 16, 32)
    for _ in range(2):
        before = learner(name)
        before.load_state_dict(ours.state_dict())
        part = before.stack.online_part
        network = part.teacher if name == "cotta" else before.stack.student
        assert isinstance(network, torch.nn.Module)
        with part.normalised(network), torch.no_grad():
            wanted = network(image).logits.softmax(1)
        if name == "cotta":
            wanted = part.averaged(image, wanted)  # type: ignore[operator]
        torch.testing.assert_close(ours(image).softmax(1), wanted, atol=1e-5, rtol=1e-4)
        assert not same(before, ours)


@pytest.mark.parametrize("batch", [1, 3])
def test_one_pass_scores_every_answer_in_one_matrix(batch: int, tmp_path: Path) -> None:
    data, scores = Photographs(), Scores(Task.BINARY)
    slow = learner()
    for group in online.groups(data, SIZE, batch, 4):
        logits = slow(group.image)
        for one, index, shape in zip(logits, group.indices, group.shapes, strict=True):
            probability = upsample(one[None], shape)[0].softmax(0)
            scores.update(probability, torch.from_numpy(data.label(index)).long())
    found = online.adapt(learner(), data, SIZE, batch, tmp_path)
    assert found is not None
    assert torch.equal(found.confusion, scores.confusion)
    assert int(found.confusion.sum()) == sum(h * w for h, w in Photographs.SHAPES)


def test_without_learning_and_with_a_strong_prior_it_is_plain_evaluation(tmp_path: Path) -> None:
    ours = learner(lr=1e-12, prior=1e9)
    network = ours.stack.predictor()
    found = online.adapt(ours, Photographs(), SIZE, 2, tmp_path)
    assert found is not None
    assert isinstance(network, Network)
    plain = evaluate(TorchPredictor(network, Task.BINARY, SIZE), Photographs())
    assert found.to_dict() == pytest.approx(plain.to_dict(), abs=2e-3)
    rows = online.score_normalised(ours.stack, network, Photographs(), SIZE, 2)
    assert rows.to_dict() == pytest.approx(plain.to_dict(), abs=2e-3)


@pytest.mark.parametrize("name", NAMES)
def test_labels_need_not_be_there_and_change_nothing(name: str, tmp_path: Path) -> None:
    with_labels, without = learner(name), learner(name)
    assert online.adapt(with_labels, Photographs(), SIZE, 2, tmp_path / "a") is not None
    assert online.adapt(without, Photographs(labelled=False), SIZE, 2, tmp_path / "b") is None
    assert same(with_labels, without)


@pytest.mark.parametrize("name", NAMES)
def test_resumed_anywhere_the_result_is_the_same_to_the_bit(name: str, tmp_path: Path) -> None:
    whole = learner(name)
    scores = online.adapt(whole, Photographs(), SIZE, 2, tmp_path / "whole")
    assert scores is not None
    for stop in (2, 4):
        folder = tmp_path / str(stop)
        folder.mkdir()

        def die(done: int, figures: dict[str, float], stop: int = stop) -> None:
            if done > stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            online.adapt(
                learner(name), Photographs(), SIZE, 2, folder, Hooks(on_step=die, save_every=1)
            )
        started: list[int] = []
        resumed = learner(name)
        again = online.adapt(
            resumed, Photographs(), SIZE, 2, folder, Hooks(on_resume=started.append)
        )
        assert again is not None and started == [stop]
        assert torch.equal(again.confusion, scores.confusion)
        assert torch.equal(again.calibration, scores.calibration)
        assert same(resumed, whole)


def test_sigterm_saves_and_exits_with_143(tmp_path: Path) -> None:
    def terminate(done: int, figures: dict[str, float]) -> None:
        if done == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Stopped, match=r"image [34] of 7") as stopped:
        online.adapt(
            learner(), Photographs(), SIZE, 1, tmp_path, Hooks(on_step=terminate, save_every=100)
        )
    assert stopped.value.exit_code == 143
    state = load_state(tmp_path)
    assert state is not None and state["done"] in (3, 4)


def test_a_loss_that_is_not_finite_names_the_image() -> None:
    image = torch.full((1, 3, 16, 32), torch.nan)
    with pytest.raises(DagenError, match=r"step 0: tent/main .*bad.jpg.*tent\.lr") as error:
        learner()(image, ["bad.jpg"])
    assert "\n" not in str(error.value)


# Whole runs


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    tiny.make_taco(root, train=2, val=3)
    return root


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sheets are tested elsewhere and take half of a tiny run's time."""

    def draw(dataset: Dataset, models: object, path: Path, caption: str) -> Path:
        path.touch()
        return path

    monkeypatch.setattr(prediction_sheets, "draw", draw)


@pytest.fixture
def runtime(tmp_path: Path, data: Path) -> Runtime:
    return Runtime(
        runs=tmp_path / "runs", data_root=data, device="cpu", workers=0, track=False, quiet=True
    )


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
    if method != "shot":
        stream = pair.adapted.stream
        assert stream is not None and stream.images == 3
        rows = stream.rows
        assert list(rows) == ["before", "batch-norm", "after"]
        assert rows["before"] == pair.baseline.scores["taco"]
        assert rows["after"] == pair.adapted.scores["taco"] != rows["batch-norm"]
        logged = history(pair.adapted.folder)
        assert [step for step, _ in logged[f"train/{method}/main"]] == [3]
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
    for word in ("before", "batch norm only", "tent", "change", "taco val", "predictions-taco.png"):
        assert word in out
    (folder,) = Path("runs").glob("resortit-taco-*")
    assert results.load(folder) is not None
    assert json.loads((folder / "config.json").read_text())["init"] == str(init)


def test_a_finished_baseline_is_known_by_the_file_and_not_by_its_name(
    init: Path, runtime: Runtime
) -> None:
    first = score_init(plan_run(config(init)), runtime)
    assert score_init(plan_run(config(init)), runtime).scores == first.scores
    network, card = load_deployed(init)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1)
    save_deployed(init, network, card)
    second = score_init(plan_run(config(init)), runtime)
    assert second.name != first.name and second.scores != first.scores
