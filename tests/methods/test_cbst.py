import math

import pytest
import torch

from dagen.methods.cbst import Cbst
from dagen.types import IGNORE, PRESETS, Task
from tests.methods.pseudo import Trial, faded, same, stack_of, step_of
from tests.toy import setting


def _part(task: Task = Task.MATERIAL, **config: float) -> Cbst:
    settings: dict[str, object] = {"memory": 40, "sample": 40, **config}
    return Cbst(torch.nn.Identity(), setting(task), Cbst.Config(**settings))  # type: ignore[arg-type]


def _probabilities(seed: int, classes: int = 5) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return (torch.randn(2, classes, 6, 7, generator=draw) * 2).softmax(1)


@pytest.mark.parametrize("portion", [0.2, 0.5, 1.0])
def test_thresholds_keep_the_surest_share_of_each_class(portion: float) -> None:
    part, p = _part(), _probabilities(0)
    part.remember(p, torch.Generator().manual_seed(0))
    thresholds = part.thresholds(portion)
    for c in range(5):
        confident = sorted(
            (max(column) for column in p.movedim(1, -1).reshape(-1, 5).tolist()
             if column.index(max(column)) == c),
            reverse=True,
        )  # fmt: skip
        assert 4 < len(confident) < 40
        kept = [v for v in confident if v >= float(thresholds[c]) - 1e-6]
        assert abs(len(kept) - portion * len(confident)) <= 1


def test_labels_are_those_of_a_slow_loop() -> None:
    part, p = _part(), _probabilities(1)
    thresholds = torch.tensor([0.9, 0.5, 0.3, 0.7, math.inf])
    label = part.select(p, thresholds)
    for b in range(2):
        for y in range(6):
            for x in range(7):
                ratios = [float(p[b, c, y, x] / thresholds[c]) for c in range(5)]
                best = ratios.index(max(ratios))
                assert label[b, y, x] == (best if ratios[best] >= 1 else IGNORE)
    assert (label != p.argmax(1)).logical_and(label != IGNORE).any()  # not merely the arg-max
    assert set(label.unique().tolist()) == {0, 1, 2, 3, IGNORE}


def test_a_class_never_predicted_is_never_a_label() -> None:
    part = _part()
    p = _probabilities(2)
    p[:, 3] = 0
    part.remember(p, torch.Generator())
    assert part.thresholds(0.5)[3] == math.inf
    assert not (part.select(_probabilities(3), part.thresholds(0.5)) == 3).any()


def test_a_step_gives_the_memory_no_more_than_its_sample() -> None:
    part = _part(Task.BINARY, memory=10, sample=4)
    p = torch.full((1, 2, 3, 3), 0.1)
    p[:, 0] = 0.5
    part.remember(p, torch.Generator())
    assert [len(held) for held in part.confidences.held()] == [4, 0]


def test_the_share_grows_from_first_to_last() -> None:
    stack = stack_of(["cbst"])
    part = stack.parts["cbst"]
    assert isinstance(part, Cbst)
    steps = range(3, 10)  # the first quarter of ten steps learns from the source alone
    shares = [part.portion(step_of(stack, step)) for step in steps]
    assert shares == sorted(shares) and 0.2 <= shares[0] < 0.25 and shares[-1] == 0.5
    assert part.losses(step_of(stack, 2)) == {}
    assert part.losses(step_of(stack, 3)).keys() == {"main"}


@pytest.mark.parametrize("task", PRESETS)
def test_the_loss_is_cross_entropy_of_kept_pixels(task: Task) -> None:
    stack = stack_of(["cbst"], task, weight=0.5, start=0.0)
    part, ctx = stack.parts["cbst"], step_of(stack)
    assert isinstance(part, Cbst)
    loss = part.losses(ctx)["main"]
    p = torch.as_tensor(ctx.once("mean-teacher/probabilities", lambda: torch.empty(0)))
    label = part.select(p, part.thresholds(part.portion(ctx)))
    logits = torch.nn.functional.interpolate(ctx.target_out.logits, size=(32, 32), mode="bilinear")
    expected = torch.nn.functional.cross_entropy(logits, label, ignore_index=IGNORE)
    assert torch.allclose(loss, 0.5 * expected)
    assert 0.1 < ctx.metrics["kept"] < 0.5


def test_it_goes_on_where_it_was_saved() -> None:
    stack, other = stack_of(["cbst"], start=0.0), stack_of(["cbst"], start=0.0)
    images = step_of(stack).batch
    for step in range(3):
        stack(images, step)
    other.load_state_dict(stack.state_dict())
    first, second = stack(images, 3)[0], other(images, 3)[0]
    assert same(first, second)
    assert not same(first, stack(images, 4)[0])


def test_it_closes_the_gap_of_another_light() -> None:
    trial = Trial(faded, steps=80)
    assert trial.score("cbst", start=0.0) > trial.score("cbst", weight=0.0) + 0.15
