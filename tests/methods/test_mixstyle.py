import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from dagen.errors import UsageError
from dagen.methods.mixstyle import MixStyle, mix_style
from dagen.methods.shared.style import Dice
from dagen.types import Batch
from tests.methods.cast import CastNetwork
from tests.methods.shift import Drift, gap_closed
from tests.toy import ToyNetwork, batch, context, setting, stacked


def _part(**values: float) -> MixStyle:
    return MixStyle(ToyNetwork(2), setting(), MixStyle.Config(**values))


def _hooks(network: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in network.modules())


def test_statistics_are_mixed_channel_by_channel() -> None:
    x = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(0)) * 2 + 1
    order, share = torch.tensor([2, 0, 1]), torch.tensor([0.0, 0.3, 1.0]).view(3, 1, 1, 1)
    new = mix_style(x, order, share)
    for b in range(3):
        for c in range(4):
            own, other, w = x[b, c], x[order[b], c], float(share[b])
            mean = w * own.mean() + (1 - w) * other.mean()
            deviation = w * own.std(correction=0) + (1 - w) * other.std(correction=0)
            expected = (own - own.mean()) / own.std(correction=0) * deviation + mean
            torch.testing.assert_close(new[b, c], expected, atol=1e-4, rtol=1e-4)


def test_no_gradient_flows_through_the_statistics() -> None:
    x = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    mix_style(x, torch.tensor([1, 0]), torch.full((2, 1, 1, 1), 0.5)).sum().backward()
    deviation = x.detach().std((2, 3), correction=0, keepdim=True)
    ratio = (deviation + deviation.flip(0)) / 2 / deviation
    torch.testing.assert_close(x.grad, ratio.expand_as(x), atol=1e-4, rtol=1e-4)


def test_beta_draws_have_the_moments_of_beta() -> None:
    for alpha in (0.1, 1.0, 3.0):
        draw = Dice(torch.Generator().manual_seed(0), torch.device("cpu"))
        values = draw.beta((20000,), alpha)
        assert values.min() >= 0 and values.max() <= 1
        assert float(values.mean()) == pytest.approx(0.5, abs=0.02)
        assert float(values.var()) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.04)
    assert torch.isfinite(draw.beta((20000,), 0.001)).all()


def test_acts_on_training_passes_over_the_source_alone() -> None:
    ctx = context()
    plain = {d: ctx.forward(ctx.source.image, d).features for d in ("source", "target")}
    assert _part(p=1.0).transform(ctx) is ctx.batch
    assert not torch.allclose(ctx.forward(ctx.source.image, "source").features, plain["source"])
    assert torch.equal(ctx.forward(ctx.source.image, "target").features, plain["target"])
    ctx.student.eval()
    calm = ctx.student(ctx.source.image).features
    assert torch.equal(ctx.forward(ctx.source.image, "source").features, calm)


def test_statistics_behind_the_tap_are_those_of_the_batch() -> None:
    """With two images the new mean of a channel lies between theirs."""
    ctx = context()
    before = ctx.student.stem(ctx.student.normalise(ctx.source.image))  # type: ignore[operator]
    _part(p=1.0).transform(ctx)
    after = ctx.source_out.features
    low, high = before.mean((2, 3)).amin(0), before.mean((2, 3)).amax(0)
    assert (after.mean((2, 3)) >= low - 1e-4).all() and (after.mean((2, 3)) <= high + 1e-4).all()


def test_hooks_live_for_one_pass() -> None:
    ctx = context()
    seen: list[int] = []
    head = ctx.student.get_submodule("head")
    head.register_forward_hook(lambda *_: seen.append(_hooks(ctx.student)))
    at_rest = _hooks(ctx.student)
    _part().transform(ctx)
    assert _hooks(ctx.student) == at_rest
    ctx.forward(ctx.source.image, "source")
    assert seen == [at_rest + 1] and _hooks(ctx.student) == at_rest


def test_hooks_go_when_a_pass_fails() -> None:
    ctx = context()
    _part().transform(ctx)
    with pytest.raises(RuntimeError):
        ctx.forward(torch.rand(2, 5, 32, 32), "source")
    assert _hooks(ctx.student) == 0


def test_p_is_the_share_of_passes() -> None:
    changed = 0
    for step in range(60):
        ctx = context(step=step)
        plain = ctx.forward(ctx.source.image, "source").features
        _part().transform(ctx)
        changed += not torch.equal(ctx.forward(ctx.source.image, "source").features, plain)
    assert 18 <= changed <= 42


@pytest.mark.parametrize("name", ["mixstyle", "dsu"])
def test_teachers_checkpoints_and_predictors_are_plain_networks(name: str) -> None:
    torch.manual_seed(0)
    student = ToyNetwork(2)
    keys = list(student.state_dict())
    stack = stacked(student, [name], {name: {"p": 1.0}}, setting())
    stack.train()
    source = Batch(source=batch(count=8).source)
    losses = [stack(source, step)[0]["supervised/main"].item() for step in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]
    assert list(student.state_dict()) == keys
    assert {k.split(".")[0] for k in stack.state_dict()} == {"student", "batch_norm"}
    predictor, copied = stack.predictor(), copy.deepcopy(student).eval()
    assert _hooks(predictor) == 0
    image = batch().source.image  # type: ignore[union-attr]
    assert torch.equal(predictor(image).logits, copied(image).logits)


@pytest.mark.parametrize("name", ["mixstyle", "dsu"])
def test_a_network_without_early_stages(name: str) -> None:
    with pytest.raises(UsageError, match=f"'{name}' .* CastNetwork names none"):
        stacked(CastNetwork(), [name], {}, setting())


@pytest.mark.parametrize("name", ["mixstyle", "dsu"])
def test_one_image_has_no_other_style_to_take(name: str) -> None:
    alone = replace(setting(), source_images=1)
    with pytest.raises(UsageError, match=f"'{name}' mixes the styles .* has 1 per pass"):
        stacked(ToyNetwork(2), [name], {}, alone)


def test_it_closes_the_gap_of_more_light_than_it_has_seen() -> None:
    drift = Drift(brighter=0.25, light=0.05)
    assert gap_closed("mixstyle", drift) > 0.6
    assert gap_closed("mixstyle", drift, p=0.0) < 0.1
