import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dagen.methods.mean_teacher import teacher_of
from dagen.methods.mic import Mic
from dagen.types import PRESETS, Task
from tests.methods.pseudo import Trial, faded, same, stack_of, step_of

MIDDLE = {Task.BINARY: 0.55, Task.MATERIAL: 0.3}
"""A threshold that untrained networks reach here and there."""


def test_whole_blocks_are_grey_and_the_rest_is_as_it_was() -> None:
    stack = stack_of(["mic"], block=8, jitter=0.0)
    part, ctx = stack.parts["mic"], step_of(stack)
    assert isinstance(part, Mic)
    grey = torch.tensor([0.485, 0.456, 0.406])
    hidden = (part.hide(ctx) == grey[:, None, None]).all(1)
    blocks = hidden.unflatten(1, (4, 8)).unflatten(3, (4, 8)).float().mean((2, 4))
    assert set(blocks.flatten().tolist()) == {0.0, 1.0}


def test_the_share_of_hidden_blocks() -> None:
    stack = stack_of(["mic"], block=2, ratio=0.7)
    part = stack.parts["mic"]
    assert isinstance(part, Mic)
    shares = [(part.hide(step_of(stack, step))[:, 0] == 0.485).float().mean() for step in range(5)]
    assert 0.65 < float(torch.stack(shares).mean()) < 0.75


@pytest.mark.parametrize("task", PRESETS)
def test_the_loss_is_the_trusted_cross_entropy_to_the_teacher(task: Task) -> None:
    stack = stack_of(["mic"], task, threshold=MIDDLE[task], weight=0.5, start=0.0)
    part, ctx = stack.parts["mic"], step_of(stack)
    assert isinstance(part, Mic)
    loss = part.losses(ctx)["main"]
    p = teacher_of(ctx).probabilities(ctx)
    sure = (p.amax(1) >= MIDDLE[task]).float().mean()
    assert 0 < sure < 1
    logits = F.interpolate(stack.student(part.hide(ctx)).logits, size=(32, 32), mode="bilinear")
    assert torch.allclose(loss, 0.5 * sure * F.cross_entropy(logits, p.argmax(1)), atol=1e-6)
    loss.backward()
    assert all(parameter.grad is not None for parameter in stack.student.parameters())


def test_running_statistics_are_those_of_whole_images() -> None:
    stack = stack_of(["mic"], start=0.0)
    plain = copy.deepcopy(stack)
    ctx, other = step_of(stack), step_of(plain)
    part = stack.parts["mic"]
    assert isinstance(part, Mic)
    part.losses(ctx)
    other.forward(other.target.image, "target")
    assert same(dict(stack.student.named_buffers()), dict(plain.student.named_buffers()))
    norm = next(m for m in stack.student.modules() if isinstance(m, nn.BatchNorm2d))
    before = copy.deepcopy(norm.state_dict())
    ctx.forward(ctx.target.image * 0.5, "target")  # and the next pass tracks again
    assert not same(before, norm.state_dict())


def test_draws_depend_on_seed_and_step_alone() -> None:
    stack = stack_of(["mic"], start=0.0)
    part = stack.parts["mic"]
    assert isinstance(part, Mic)
    first = part.hide(step_of(stack, 3))
    torch.manual_seed(99)
    assert torch.equal(first, part.hide(step_of(stack, 3)))
    assert not torch.equal(first, part.hide(step_of(stack, 4)))


def test_it_closes_the_gap_of_another_light() -> None:
    trial = Trial(faded, plain=False)
    assert trial.score("mic", block=8) > trial.score("mic", weight=0.0) + 0.2


def test_other_parts_come_first() -> None:
    stack = stack_of(["mic"])
    part = stack.parts["mic"]
    assert isinstance(part, Mic)
    assert part.losses(step_of(stack, 2)) == {}  # of ten steps
    assert part.losses(step_of(stack, 3)).keys() == {"main"}
