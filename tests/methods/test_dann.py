import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dagen import plugins
from tests.methods.shift import BRIGHTER, gap_closed
from tests.toy import AuxToyNetwork, batch, context, setting, stacked

Dann = plugins.get("methods", "dann")


@pytest.mark.parametrize("step", [0, 3, 9])
def test_features_get_the_reversed_gradient_and_the_classifier_its_own(step: int) -> None:
    ctx = context(step=step, steps=10)
    part = Dann(ctx.student, setting(), Dann.Config(weight=0.5, width=8))
    source, target = ctx.source_out.features, ctx.target_out.features
    inputs = [source, target, *part.classifier.parameters()]
    found = torch.autograd.grad(part.losses(ctx)["domain"], inputs, retain_graph=True)
    plain = F.softplus(-part.classifier(source)).mean() + F.softplus(part.classifier(target)).mean()
    wanted = torch.autograd.grad(plain / 2, inputs)
    factor = -0.5 * (2 / (1 + math.exp(-10 * step / 10)) - 1)
    for one, two in zip(found[:2], wanted[:2], strict=True):
        torch.testing.assert_close(one, factor * two)
    for one, two in zip(found[2:], wanted[2:], strict=True):
        torch.testing.assert_close(one, two)


def test_least_squares_and_spectral_norm_are_options() -> None:
    ctx = context(step=3)
    options = {"objective": "least-squares", "spectral_norm": True, "width": 8}
    part = Dann(ctx.student, setting(), Dann.Config(**options))
    for _ in range(30):  # one power iteration in each pass
        loss = part.losses(ctx)["domain"]
    part.eval()
    source, target = (part.classifier(o.features) for o in (ctx.source_out, ctx.target_out))
    wanted = ((source - 1).square().mean() + target.square().mean()) / 2
    torch.testing.assert_close(loss, wanted, rtol=1e-2, atol=1e-3)
    layers = [m for m in part.classifier if isinstance(m, nn.Conv2d)]
    norms = [torch.linalg.matrix_norm(m.weight.detach().flatten(1), 2) for m in layers]
    assert all(float(norm) < 1.05 for norm in norms)
    assert {"discriminator_loss", "discriminator_alarm"} <= set(ctx.metrics)


def test_with_several_levels_each_auxiliary_head_has_its_own_classifier() -> None:
    ctx = context(step=3, steps=10)
    ctx.student = AuxToyNetwork(2).train()
    heads = len(ctx.source_out.aux)
    assert heads
    single = Dann(ctx.student, setting(), Dann.Config(width=8))
    assert set(single.losses(ctx)) == {"domain"}
    part = Dann(ctx.student, setting(), Dann.Config(width=8, aux_weight=0.2))
    terms = part.losses(ctx)
    assert set(terms) == {"domain", *(f"domain{i}" for i in range(heads))}
    source, target, judge = ctx.source_out.aux[0], ctx.target_out.aux[0], part.early[0]
    inputs = [source, target, *judge.parameters()]
    found = torch.autograd.grad(terms["domain0"], inputs, retain_graph=True)
    plain = F.softplus(-judge(source)).mean() + F.softplus(judge(target)).mean()
    wanted = torch.autograd.grad(plain / 2, inputs)
    factor = -0.2 * (2 / (1 + math.exp(-3)) - 1)
    for one, two in zip(found, [w * (factor if i < 2 else 1) for i, w in enumerate(wanted)],
                        strict=True):  # fmt: skip
        torch.testing.assert_close(one, two)
    trained = {id(p) for group in part.optimizer.param_groups for p in group["params"]}
    assert {id(p) for p in part.parameters()} == trained


def test_every_level_is_watched() -> None:
    stack = stacked(AuxToyNetwork(2), ["dann"], {"dann": {"aux_weight": 0.2}}, setting()).train()
    _, metrics = stack(batch(), 0)
    for figure in ("loss", "accuracy", "alarm"):
        assert {f"dann/discriminator_{figure}", f"dann/discriminator_{figure}_aux0"} <= set(metrics)
    health = stack.parts["dann"].health  # type: ignore[union-attr]
    names = [one.name for one in health]  # type: ignore[union-attr]
    assert names == ["the domain classifier", "the domain classifier of auxiliary head 0"]


def test_it_closes_a_gap() -> None:
    assert gap_closed("dann", BRIGHTER, weight=1.0, width=32, learning_rate=0.005) > 0.4
