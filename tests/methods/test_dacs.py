import math

import pytest
import torch
from torch.nn import functional as F

from dagen.methods.dacs import Dacs
from dagen.methods.mean_teacher import teacher_of
from dagen.types import PRESETS, Task
from tests.methods.pseudo import Trial, same, soil, stack_of, step_of

MIDDLE = {Task.BINARY: 0.55, Task.MATERIAL: 0.3}
"""A threshold that untrained networks reach here and there."""


@pytest.mark.parametrize("task", PRESETS)
def test_the_mix_is_that_of_a_slow_loop(task: Task) -> None:
    stack = stack_of(["dacs"], task, threshold=MIDDLE[task])
    part, ctx = stack.parts["dacs"], step_of(stack)
    assert isinstance(part, Dacs) and ctx.source.label is not None
    image, label, weight = part.mix(ctx)
    p = teacher_of(ctx).probabilities(ctx)
    sure = sum(float(v) >= MIDDLE[task] for v in p.amax(1).flatten()) / p[:, 0].numel()
    assert 0 < sure < 1
    pasted = torch.zeros(2, 32, 32, dtype=torch.bool)
    for b in range(2):
        for y in range(32):
            for x in range(32):
                pasted[b, y, x] = torch.equal(image[b, :, y, x], ctx.source.image[b, :, y, x])
                where = ctx.source if pasted[b, y, x] else ctx.target
                assert torch.equal(image[b, :, y, x], where.image[b, :, y, x])
    assert torch.equal(label[pasted], ctx.source.label[pasted])
    assert torch.equal(label[~pasted], p.argmax(1)[~pasted])
    assert torch.allclose(weight, torch.where(pasted, 1.0, sure))
    assert not (label[pasted] == 0).any() and not (label == 255).any()


def test_half_of_the_objects_or_of_the_classes_is_pasted() -> None:
    for task, counts in ((Task.BINARY, (2, 1)), (Task.MATERIAL, (1, 1))):
        stack = stack_of(["dacs"], task)
        part, ctx = stack.parts["dacs"], step_of(stack)
        assert isinstance(part, Dacs)
        image, label, _ = part.mix(ctx)
        pasted = (image == ctx.source.image).all(1)
        if task == Task.BINARY:
            assert pasted.sum((1, 2)).tolist() == [2 * 64, 100]
        else:
            kinds = [len(label[b][pasted[b]].unique()) for b in range(2)]
            present = [2, 2]  # material 1 and 4; the crumb in the corner is of class 1
            assert kinds == [math.ceil(n / 2) for n in present] == list(counts)


def test_the_loss_is_weighted_cross_entropy_of_one_forward() -> None:
    stack = stack_of(["dacs"], weight=2.0, jitter=0.0, start=0.0)
    part, ctx = stack.parts["dacs"], step_of(stack)
    assert isinstance(part, Dacs)
    seen: list[torch.Tensor] = []
    hook = stack.student.register_forward_hook(
        lambda module, args, out: seen.extend([args[0], out.logits])
    )
    loss = part.losses(ctx)["main"]
    hook.remove()
    assert len(seen) == 2
    _, label, weight = part.mix(ctx)
    logits = F.interpolate(seen[1], size=(32, 32), mode="bilinear")
    each = F.cross_entropy(logits, label, reduction="none")
    assert torch.allclose(loss, 2 * (each * weight).sum() / each.numel())


def test_draws_depend_on_seed_and_step_alone() -> None:
    stack = stack_of(["dacs"], start=0.0)
    part = stack.parts["dacs"]
    assert isinstance(part, Dacs)
    first = part.losses(step_of(stack, 3))
    torch.manual_seed(99)
    assert same(first, part.losses(step_of(stack, 3)))
    assert not same(first, part.losses(step_of(stack, 4)))
    assert not same(first, part.losses(step_of(stack, 3, seed=1)))


def test_it_mixes_what_other_parts_made_of_the_source() -> None:
    stack = stack_of(["dacs"])
    part, ctx = stack.parts["dacs"], step_of(stack)
    assert isinstance(part, Dacs)
    source = ctx.source
    ctx.batch = type(ctx.batch)(
        type(source)(torch.full_like(source.image, 0.25), source.index, source.label), ctx.target
    )
    image, _, _ = part.mix(ctx)
    assert (image == 0.25).all(1).sum() == 2 * 64 + 100


def test_it_closes_the_gap_of_another_ground() -> None:
    trial = Trial(soil, plain=False, batch_norm="target")
    assert trial.score("dacs") > trial.score("dacs", weight=0.0) + 0.2


def test_the_source_alone_comes_first() -> None:
    stack = stack_of(["dacs"])
    part = stack.parts["dacs"]
    assert isinstance(part, Dacs)
    assert part.losses(step_of(stack, 2)) == {}  # of ten steps
    assert part.losses(step_of(stack, 3)).keys() == {"main"}


def test_it_says_how_far_the_student_agrees_with_the_teacher() -> None:
    stack = stack_of(["dacs"], start=0.0, jitter=0.0)
    part, ctx = stack.parts["dacs"], step_of(stack)
    assert isinstance(part, Dacs)
    seen: list[torch.Tensor] = []
    hook = stack.student.register_forward_hook(lambda module, args, out: seen.append(out.logits))
    part.losses(ctx)
    hook.remove()
    image, _, _ = part.mix(ctx)
    own = (image == ctx.target.image).all(1)[:, ::4, ::4]  # a logit for four pixels
    same_class = seen[0].argmax(1) == teacher_of(ctx).output(ctx).logits.argmax(1)
    assert torch.allclose(ctx.metrics["agreement"], same_class[own].float().mean())
    assert ctx.metrics["alarm"] == 0
