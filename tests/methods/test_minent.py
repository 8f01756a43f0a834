import torch

from dagen import plugins
from dagen.losses import entropy
from tests.methods.shift import RED, gap_closed
from tests.toy import AuxToyNetwork, context, setting

MinEnt = plugins.get("methods", "minent")


def test_every_head_has_its_weight() -> None:
    ctx = context()
    ctx.student = AuxToyNetwork(2).train()
    part = MinEnt(ctx.student, setting(), MinEnt.Config(weight=0.5, aux_weight=0.25))
    losses = part.losses(ctx)
    out = ctx.target_out
    assert set(losses) == {"main", "aux0"}
    torch.testing.assert_close(losses["main"], 0.5 * entropy(out.logits.softmax(1)))
    torch.testing.assert_close(losses["aux0"], 0.25 * entropy(out.aux[0].softmax(1)))


def test_defaults_are_the_papers() -> None:
    assert (MinEnt.Config().weight, MinEnt.Config().aux_weight) == (0.001, 0.0002)


def test_it_closes_a_gap() -> None:
    assert gap_closed("minent", RED, weight=3.0) > 0.4
