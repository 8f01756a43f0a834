"""Adapting over a stream: groups of images, the learner and the loop."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from dagen.datasets.base import Dataset, Image, Label
from dagen.engine import online
from dagen.engine.loop import Hooks
from dagen.engine.states import load_state
from dagen.errors import DagenError, Stopped
from dagen.models.base import Network, upsample
from dagen.scoring.evaluation import evaluate
from dagen.scoring.metrics import Scores
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.types import Task
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
