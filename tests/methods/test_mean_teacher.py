import copy

import pytest
import torch
from torch import nn

from dagen.errors import UsageError
from dagen.methods.mean_teacher import MeanTeacher, teacher_of
from dagen.models.base import Network
from dagen.types import PRESETS, Task
from tests.methods.grain import late_and_average
from tests.methods.pseudo import same, stack_of, step_of
from tests.toy import ToyNetwork, context, setting


def _disturbed(student: nn.Module, seed: int) -> None:
    """What a step of training does: other weights, other statistics."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for value in student.state_dict().values():
            value.add_(torch.randn(value.shape).to(value.dtype))


def test_the_average_is_that_of_a_slow_loop() -> None:
    torch.manual_seed(0)
    student = ToyNetwork(2)
    part = MeanTeacher(student, setting(), MeanTeacher.Config(decay=0.7))
    slow: dict[str, list[float]] = {}
    for step in range(6):
        _disturbed(student, step)
        part.after_step(student, step)
        decay = min(1 - 1 / (step + 1), 0.7)
        for name, value in student.state_dict().items():
            flat = value.double().flatten().tolist()
            before = slow.get(name, flat)
            if "num_batches" in name:
                slow[name] = flat
            else:
                slow[name] = [
                    decay * a + (1 - decay) * b for a, b in zip(before, flat, strict=True)
                ]
    ours = part.ema.module.state_dict()
    assert {"stem.0.weight", "stem.1.running_mean", "stem.1.running_var"} <= ours.keys()
    for name, value in ours.items():
        expected = torch.tensor(slow[name], dtype=torch.float64)
        assert torch.allclose(value.double().flatten(), expected, atol=1e-5), name


@pytest.mark.parametrize(("steps", "decay"), [(6, 0.99), (1200, 0.99), (12_000, 0.999)])
def test_by_default_it_averages_over_a_twelfth_of_a_long_run(steps: int, decay: float) -> None:
    part = MeanTeacher(ToyNetwork(2), setting(steps=steps), MeanTeacher.Config())
    assert part.ema.decay == pytest.approx(decay, abs=1e-12)


def test_it_warns_once_when_the_agreement_falls(caplog: pytest.LogCaptureFixture) -> None:
    torch.manual_seed(0)
    part = MeanTeacher(ToyNetwork(2), setting(steps=100), MeanTeacher.Config())
    shares = [0.9] * 30 + [0.85] * 20 + [0.5] * 40
    alarms = []
    for step, share in enumerate(shares):
        ctx = context(step=step, steps=100)
        logits = part.output(ctx).logits.clone()
        flat = logits.movedim(1, -1).flatten(0, -2)
        flipped = round((1 - share) * len(flat))
        flat[:flipped] = flat[:flipped].flip(1)  # the other class
        seen = flat.view(2, 8, 8, 2).movedim(-1, 1)
        part.agree(ctx, "dacs", seen)
        assert float(ctx.metrics["agreement"]) == pytest.approx(share, abs=0.01)
        alarms.append(int(ctx.metrics["alarm"]))
    assert not any(alarms[:50]) and all(alarms[65:])
    (record,) = [r for r in caplog.records if "pseudo-labels drift" in r.getMessage()]
    told = record.getMessage()
    assert "student and teacher of dacs agree on" in told and "dacs.start" in told
    assert "\n" not in told


def test_the_answer_uses_the_statistics_of_the_batch_and_updates_none() -> None:
    stack = stack_of(["mean-teacher"])
    ctx = step_of(stack)
    part = teacher_of(ctx)
    before = copy.deepcopy(part.state_dict())
    out = part.output(ctx)
    assert same(before, part.state_dict())
    free = copy.deepcopy(part.ema.module).train()
    assert torch.equal(out.logits, free(ctx.target.image).logits)
    assert not out.logits.requires_grad
    # It tracks again afterwards: a student copied from it has to update.
    assert all(
        layer.track_running_stats
        for layer in part.ema.module.modules()
        if isinstance(layer, nn.BatchNorm2d)
    )


class _Dropping(ToyNetwork):
    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.stem.append(nn.Dropout2d(0.5))


def test_frozen_statistics_normalise_the_teacher_too() -> None:
    ctx = step_of(stack_of(["mean-teacher"]))
    ctx.target_frozen = True
    teacher = teacher_of(ctx)
    for name, value in teacher.ema.module.named_buffers():
        if "running" in name:
            value.add_(0.5)  # unlike the batch's
    before = copy.deepcopy(teacher.ema.module.state_dict())
    found = teacher.output(ctx).logits
    assert ctx.clean.target is not None
    expected = copy.deepcopy(teacher.ema.module).eval()(ctx.clean.target.image).logits
    torch.testing.assert_close(found, expected)
    assert same(before, teacher.ema.module.state_dict())


def test_the_teacher_drops_nothing_out() -> None:
    network: Network = _Dropping(2)
    part = MeanTeacher(network, setting(), MeanTeacher.Config()).train()
    first, second = part.output(context()), part.output(context())
    assert torch.equal(first.logits, second.logits)


def test_probabilities_are_the_softmax_at_the_image_size() -> None:
    ctx = step_of(stack_of(["mean-teacher"], Task.MATERIAL))
    part = teacher_of(ctx)
    p = part.probabilities(ctx)
    assert p.shape == (2, 5, 32, 32)
    assert torch.allclose(p.sum(1), torch.ones(2, 32, 32))
    large = nn.functional.interpolate(part.output(ctx).logits, size=(32, 32), mode="bilinear")
    assert torch.allclose(p, large.softmax(1))


@pytest.mark.parametrize("task", PRESETS)
def test_stacked_parts_share_one_answer_to_the_clean_images(task: Task) -> None:
    stack = stack_of(["dacs", "mic", "object-paste"], task)
    asked: list[torch.Tensor] = []
    part = stack.parts["mean-teacher"]
    assert isinstance(part, MeanTeacher)
    part.ema.module.register_forward_pre_hook(lambda module, args: asked.append(args[0]))
    images = step_of(stack).batch
    stack(images, 0)
    assert images.target is not None
    assert len(asked) == 1 and torch.equal(asked[0], images.target.image)


def test_alone_it_adds_no_loss_and_no_target() -> None:
    stack = stack_of(["mean-teacher"])
    assert stack.declared.streams == {"source"}
    losses, _ = stack(step_of(stack).batch, 0)
    assert {name.split("/")[0] for name in losses} == {"supervised"}


@pytest.mark.parametrize("predict", [True, False])
def test_what_is_scored(predict: bool) -> None:
    stack = stack_of(["mean-teacher"], predict=predict)
    part = stack.parts["mean-teacher"]
    assert isinstance(part, MeanTeacher)
    stack.after_step(0)
    _disturbed(stack.student, 0)
    scored = stack.predictor().state_dict()
    assert same(scored, part.ema.module.state_dict()) == predict
    assert same(scored, stack.student.state_dict()) != predict


def test_its_state_survives_saving() -> None:
    stack, other = stack_of(["mean-teacher"]), stack_of(["mean-teacher"])
    for step in range(3):
        _disturbed(stack.student, step)
        stack.after_step(step)
    other.load_state_dict(stack.state_dict())
    assert same(other.predictor().state_dict(), stack.predictor().state_dict())


def test_a_decay_of_one_keeps_the_teacher_and_cannot_be_scored() -> None:
    with pytest.raises(UsageError, match=r"mean-teacher\.decay is 1"):
        stack_of(["mean-teacher"], decay=1.0)
    with pytest.raises(UsageError, match=r"mean-teacher\.decay is 1\.5"):
        stack_of(["mean-teacher"], decay=1.5, predict=False)
    stack = stack_of(["mean-teacher"], decay=1.0, predict=False)
    part = stack.parts["mean-teacher"]
    assert isinstance(part, MeanTeacher)
    before = {name: value.clone() for name, value in part.ema.module.state_dict().items()}
    for step in range(3):
        _disturbed(stack.student, step)
        stack.after_step(step)
    assert same(before, part.ema.module.state_dict())
    assert same(stack.predictor().state_dict(), stack.student.state_dict())


@pytest.mark.parametrize("seed", range(3))
def test_the_average_closes_the_gap_of_a_grainier_camera_that_late_steps_leave(seed: int) -> None:
    late, average = late_and_average("mean-teacher", seed)
    assert late < 0.6
    assert average > 0.75
