from dataclasses import replace

import pytest
import torch

from dagen.errors import UsageError
from dagen.methods.teacher import Teacher
from dagen.runs.parts import arrange
from dagen.types import PRESETS, Batch, Pasting, Task
from tests.methods.pseudo import stack_of, step_of
from tests.toy import batch, setting


@pytest.mark.parametrize("task", PRESETS)
def test_the_loss_is_binary_cross_entropy_of_foreground(task: Task) -> None:
    stack = stack_of(["teacher"], task, weight=0.5)
    ctx = step_of(stack, images=batch(task, maps=["u2netp"]))
    part = stack.parts["teacher"]
    assert isinstance(part, Teacher)
    loss = float(part.losses(ctx)["cross_entropy"].detach())
    logits = torch.nn.functional.interpolate(
        ctx.target_out.logits.detach(), size=(32, 32), mode="bilinear"
    )
    p, q = 1 - logits.softmax(1)[:, 0].double(), ctx.target.maps["u2netp"].double()
    wanted = -(q * p.log() + (1 - q) * (1 - p).log()).mean()
    assert loss == pytest.approx(0.5 * float(wanted), rel=1e-4)


def test_a_map_of_all_classes_is_learnt_class_by_class() -> None:
    task = Task.MATERIAL
    stack = stack_of(["teacher"], task)
    images = batch(task)
    assert images.target is not None
    soft = torch.rand(2, 5, 32, 32).softmax(1)
    images = Batch(images.source, replace(images.target, maps={"u2netp": soft}))
    ctx = step_of(stack, images=images)
    part = stack.parts["teacher"]
    assert isinstance(part, Teacher)
    loss = float(part.losses(ctx)["cross_entropy"].detach())
    logits = torch.nn.functional.interpolate(
        ctx.target_out.logits.detach(), size=(32, 32), mode="bilinear"
    )
    assert loss == pytest.approx(float(-(soft * logits.log_softmax(1)).sum(1).mean()), rel=1e-4)


def test_parameters_say_what_is_loaded() -> None:
    parts = arrange(["teacher"], {"teacher": {"maps": ["u2netp", "a.onnx"]}}, setting())
    assert parts.maps == {"u2netp": {}, "a.onnx": {}} and parts.pasting is None
    parts = arrange(["teacher"], {"teacher": {"paste": 0.5, "empty": "beach"}}, setting())
    assert parts.pasting == Pasting(0.5, "beach", 0.1)


@pytest.mark.parametrize("maps", [[], ["u2netp", "u2netp"]])
def test_no_teacher_and_one_named_twice_are_refused(maps: list[str]) -> None:
    with pytest.raises(UsageError, match=r"teacher\.maps is .*each once"):
        arrange(["teacher"], {"teacher": {"maps": maps}}, setting())
