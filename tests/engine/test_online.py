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
        self.known = labelled

    def __len__(self) -> int:
        return len(self.SHAPES)

    def name(self, index: int) -> str:
        return f"{index}.jpg"

    def image(self, index: int) -> Image:
        draw = np.random.default_rng(index)
        return draw.integers(0, 256, (*self.SHAPES[index], 3), dtype=np.uint8)

    def label(self, index: int) -> Label:
        assert self.known
        return (self.image(index)[..., 0] > 128).astype(np.uint8)

    @property
    def has_labels(self) -> bool:
        return self.known


def learner(name: str = "tent", seed: int = 0, **config: object) -> online.Learner:
    torch.manual_seed(seed)
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
    found = online.adapt(learner(), data, SIZE, batch, tmp_path).scores
    assert found is not None
    assert torch.equal(found.confusion, scores.confusion)
    assert int(found.confusion.sum()) == sum(h * w for h, w in Photographs.SHAPES)


def test_without_learning_and_with_a_strong_prior_it_is_plain_evaluation(tmp_path: Path) -> None:
    ours = learner(lr=1e-12, prior=1e9)
    network = ours.stack.predictor()
    found = online.adapt(ours, Photographs(), SIZE, 2, tmp_path)
    assert found.scores is not None and found.unlearned is not None
    assert isinstance(network, Network)
    plain = evaluate(TorchPredictor(network, Task.BINARY, SIZE), Photographs())
    assert found.scores.to_dict() == pytest.approx(plain.to_dict(), abs=2e-3)
    assert found.unlearned.to_dict() == pytest.approx(plain.to_dict(), abs=2e-3)
    assert found.changed == 0 and found.pixels == sum(h * w for h, w in Photographs.SHAPES)


def test_changed_pixels_are_those_that_learning_gives_another_class(tmp_path: Path) -> None:
    data, slow, changed = Photographs(), learner(seed=2), 0  # this network knows two classes
    network = learner(seed=2).stack.student
    for group in online.groups(data, SIZE, 2, 4):
        with slow.stack.online_part.normalised(network):
            plain = network(group.image).logits
        for ours, other, shape in zip(slow(group.image), plain, group.shapes, strict=True):
            one, two = (upsample(x[None], shape)[0].argmax(0) for x in (ours, other))
            changed += int((one != two).sum())
    found = online.adapt(learner(seed=2), Photographs(labelled=False), SIZE, 2, tmp_path)
    assert found.scores is None and found.changed == changed > 0


def test_passes_before_the_stream_open_no_label_and_are_not_scored(tmp_path: Path) -> None:
    slow, data = learner(), Photographs(labelled=False)
    for _ in range(2):
        for group in online.groups(data, SIZE, 2, 4):
            slow(group.image)
    seen: list[int] = []
    hooks = Hooks(on_step=lambda done, figures: seen.append(done))
    stream, ours = Photographs(), learner()
    found = online.adapt(ours, stream, SIZE, 2, tmp_path / "a", hooks, [data, data])
    plain = online.adapt(slow, stream, SIZE, 2, tmp_path / "b")
    assert found.scores is not None and plain.scores is not None and seen[-1] == 21
    assert torch.equal(found.scores.confusion, plain.scores.confusion)
    assert same(ours, slow) and found.pixels == sum(h * w for h, w in Photographs.SHAPES)


@pytest.mark.parametrize("name", NAMES)
def test_labels_need_not_be_there_and_change_nothing(name: str, tmp_path: Path) -> None:
    with_labels, without = learner(name), learner(name)
    there = online.adapt(with_labels, Photographs(), SIZE, 2, tmp_path / "a")
    gone = online.adapt(without, Photographs(labelled=False), SIZE, 2, tmp_path / "b")
    assert there.scores is not None and gone.scores is None
    assert (there.changed, there.pixels) == (gone.changed, gone.pixels)
    assert same(with_labels, without)


@pytest.mark.parametrize("name", NAMES)
def test_resumed_anywhere_the_result_is_the_same_to_the_bit(name: str, tmp_path: Path) -> None:
    warm = [Photographs(labelled=False)]
    whole = learner(name)
    answered = online.adapt(whole, Photographs(), SIZE, 2, tmp_path / "whole", before=warm)
    scores = answered.scores
    assert scores is not None and answered.unlearned is not None
    for stop in (4, 9, 11):
        folder = tmp_path / str(stop)
        folder.mkdir()

        def die(done: int, figures: dict[str, float], stop: int = stop) -> None:
            if done > stop:
                raise KeyboardInterrupt

        dying = Hooks(on_step=die, save_every=1)
        with pytest.raises(KeyboardInterrupt):
            online.adapt(learner(name), Photographs(), SIZE, 2, folder, dying, warm)
        started: list[int] = []
        resumed, noting = learner(name), Hooks(on_resume=started.append)
        again = online.adapt(resumed, Photographs(), SIZE, 2, folder, noting, warm)
        assert again.scores is not None and again.unlearned is not None and started == [stop]
        assert torch.equal(again.scores.confusion, scores.confusion)
        assert torch.equal(again.scores.calibration, scores.calibration)
        assert torch.equal(again.unlearned.confusion, answered.unlearned.confusion)
        assert (again.changed, again.pixels) == (answered.changed, answered.pixels)
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
