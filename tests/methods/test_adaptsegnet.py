import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dagen import plugins
from dagen.engine.stack import Stack
from dagen.losses import cross_entropy
from tests.methods.shift import BRIGHTER, gap_closed
from tests.toy import AuxToyNetwork, ToyNetwork, batch, context, setting, stacked

AdaptSegNet = plugins.get("methods", "adaptsegnet")
SMALL = {"width": 8, "learning_rate": 0.005}


def alternating_steps(
    network: nn.Module, judge: nn.Module, weight: float, represent: Callable[[Tensor], Tensor]
) -> None:
    """Five steps in the authors' order: segment, fool, discriminate twice, then step both."""
    ours = torch.optim.SGD(network.parameters(), lr=0.1)
    theirs = torch.optim.Adam(judge.parameters(), lr=1e-4, betas=(0.9, 0.99))
    for step in range(5):
        both = batch(seed=step)
        assert both.source is not None and both.target is not None
        assert both.source.label is not None
        ours.zero_grad()
        theirs.zero_grad()
        judge.requires_grad_(False)
        source = network(both.source.image).logits
        cross_entropy(source, both.source.label).backward()
        target = represent(network(both.target.image).logits.softmax(1))
        fooled = judge(target)
        (weight * F.binary_cross_entropy_with_logits(fooled, torch.ones_like(fooled))).backward()
        judge.requires_grad_(True)
        on_source = judge(represent(source.softmax(1)).detach())
        truth = torch.ones_like(on_source)
        (F.binary_cross_entropy_with_logits(on_source, truth) / 2).backward()
        on_target = judge(target.detach())
        truth = torch.zeros_like(on_target)
        (F.binary_cross_entropy_with_logits(on_target, truth) / 2).backward()
        ours.step()
        theirs.step()


def summed_steps(stack: Stack) -> None:
    """Five steps of the stack, one backward pass each."""
    optimizers = [torch.optim.SGD(stack.student.parameters(), lr=0.1), *stack.optimizers()]
    for step in range(5):
        losses, _ = stack(batch(seed=step), step)
        torch.stack(list(losses.values())).sum().backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()


@pytest.mark.parametrize("name", ["adaptsegnet", "advent"])
def test_one_backward_pass_is_exactly_the_alternating_order(name: str) -> None:
    torch.manual_seed(0)
    config = {name: {"weight": 0.1, "width": 8}}
    stack = stacked(ToyNetwork(2), [name], config, setting(), "shared").train()
    part: Any = stack.parts[name]
    network, judge = copy.deepcopy(stack.student), copy.deepcopy(part.discriminators[0])
    alternating_steps(network, judge, 0.1, part.represent)
    before = copy.deepcopy(stack.student.state_dict())
    summed_steps(stack)
    for key, value in stack.student.state_dict().items():
        assert torch.equal(value, network.state_dict()[key]), key
    for key, value in part.discriminators[0].state_dict().items():
        assert torch.equal(value, judge.state_dict()[key]), key
    assert not torch.equal(before["head.weight"], network.state_dict()["head.weight"])


def test_each_loss_reaches_its_own_side_only() -> None:
    ctx = context()
    part = AdaptSegNet(ctx.student, setting(), AdaptSegNet.Config(width=8))
    losses = part.losses(ctx)
    losses["fool"].backward(retain_graph=True)
    assert ctx.student.get_parameter("head.weight").grad is not None
    assert all(p.grad is None and p.requires_grad for p in part.parameters())
    ctx.student.zero_grad()
    losses["discriminate"].backward()
    assert all(p.grad is not None for p in part.parameters())
    assert all(p.grad is None for p in ctx.student.parameters())


@pytest.mark.parametrize("objective", ["vanilla", "least-squares"])
def test_terms_by_the_formula(objective: str) -> None:
    ctx = context()
    config = AdaptSegNet.Config(weight=0.3, objective=objective, width=8)
    part = AdaptSegNet(ctx.student, setting(), config)
    losses = part.losses(ctx)
    judge = part.discriminators[0]
    source, target = (judge(o.logits.softmax(1)) for o in (ctx.source_out, ctx.target_out))
    if objective == "vanilla":
        says_source, says_target = source.sigmoid(), target.sigmoid()
        fool = -says_target.log().mean()
        told = (-says_source.log().mean() - (1 - says_target).log().mean()) / 2
    else:
        fool = (target - 1).square().mean()
        told = ((source - 1).square().mean() + target.square().mean()) / 2
    torch.testing.assert_close(losses["fool"], 0.3 * fool)
    torch.testing.assert_close(losses["discriminate"], told)
    torch.testing.assert_close(ctx.metrics["discriminator_loss"], told.detach())


def test_the_ramp_grows_the_fooling_weight_alone() -> None:
    def terms(step: int, ramp: int) -> dict[str, float]:
        ctx = context(step=step)
        torch.manual_seed(0)
        part = AdaptSegNet(ctx.student, setting(), AdaptSegNet.Config(ramp=ramp, width=8))
        return {k: float(v.detach()) for k, v in part.losses(ctx).items()}

    full = terms(0, 0)
    assert terms(0, 4)["fool"] == pytest.approx(full["fool"] / 4)
    assert terms(1, 4)["fool"] == pytest.approx(full["fool"] / 2)
    assert terms(9, 4)["fool"] == pytest.approx(full["fool"])
    assert terms(0, 4)["discriminate"] == full["discriminate"]


def test_every_auxiliary_head_has_its_own_discriminator() -> None:
    ctx = context()
    ctx.student = AuxToyNetwork(2).train()
    config = AdaptSegNet.Config(weight=0.5, aux_weight=0.25, width=8)
    part = AdaptSegNet(ctx.student, setting(), config)
    losses = part.losses(ctx)
    assert len(part.discriminators) == 2
    assert set(losses) == {"fool", "discriminate", "fool_aux0", "discriminate_aux0"}
    logits = ctx.target_out.aux[0]  # at stride 8: enlarged to the discriminator's cells
    enlarged = F.interpolate(logits, (8, 8), mode="bilinear", align_corners=False)
    fooled = part.discriminators[1](enlarged.softmax(1))
    torch.testing.assert_close(losses["fool_aux0"], 0.25 * F.softplus(-fooled).mean())
    assert "discriminator_loss_aux0" in ctx.metrics


def test_without_an_auxiliary_weight_it_is_single_level() -> None:
    ctx = context()
    ctx.student = AuxToyNetwork(2).train()
    part = AdaptSegNet(ctx.student, setting(), AdaptSegNet.Config(aux_weight=0.0, width=8))
    assert len(part.discriminators) == 1
    assert set(part.losses(ctx)) == {"fool", "discriminate"}
    assert set(ctx.metrics) == {
        "discriminator_loss", "discriminator_accuracy", "discriminator_alarm"
    }  # fmt: skip


@pytest.mark.parametrize("name", ["adaptsegnet", "advent"])
def test_spectral_norm_reaches_the_discriminators(name: str) -> None:
    ctx = context()
    method = plugins.get("methods", name)
    part = method(ctx.student, setting(), method.Config(spectral_norm=True, width=8))
    for step in range(30):  # one power iteration in each pass
        ctx = context(step=step)
        part.losses(ctx)
    layers = [m for m in part.discriminators[0].eval() if isinstance(m, nn.Conv2d)]
    norms = [torch.linalg.matrix_norm(m.weight.detach().flatten(1), 2) for m in layers]
    assert len(norms) == 5 and all(float(norm) < 1.05 for norm in norms)


@pytest.mark.parametrize(("stride", "cell"), [(4, 1), (8, 2), (16, 4)])
def test_maps_are_averaged_down_to_the_stride(stride: int, cell: int) -> None:
    ctx = context()
    part = AdaptSegNet(ctx.student, setting(), AdaptSegNet.Config(stride=stride, width=8))
    seen: list[Tensor] = []
    part.discriminators[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    part.losses(ctx)
    p = ctx.target_out.logits.softmax(1)
    slow = torch.stack([
        p[..., y : y + cell, x : x + cell].mean((2, 3))
        for y in range(0, 8, cell) for x in range(0, 8, cell)
    ], -1).unflatten(-1, (8 // cell, 8 // cell))  # fmt: skip
    torch.testing.assert_close(seen[0], slow)


@pytest.mark.parametrize(
    "options", [{"weight": 0.1}, {"weight": 0.3, "objective": "least-squares"}]
)
def test_it_closes_a_gap(options: dict[str, object]) -> None:
    assert gap_closed("adaptsegnet", BRIGHTER, **SMALL, **options) > 0.5
