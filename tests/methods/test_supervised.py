import math

import pytest
import torch

from dagen import plugins
from dagen.losses import cross_entropy, focal, lovasz_softmax
from dagen.types import Batch
from tests.toy import AuxToyNetwork, context, setting

Supervised = plugins.get("methods", "supervised")


def test_auxiliary_heads_have_the_networks_own_weights() -> None:
    ctx = context()
    ctx.student = AuxToyNetwork(2).train()
    losses = Supervised(ctx.student, setting(), Supervised.Config(weight=0.5)).losses(ctx)
    out, label = ctx.source_out, ctx.source.label
    assert label is not None and set(losses) == {"main", "aux0"}
    torch.testing.assert_close(losses["main"], 0.5 * cross_entropy(out.logits, label))
    torch.testing.assert_close(losses["aux0"], 0.5 * 0.4 * cross_entropy(out.aux[0], label))


@pytest.mark.parametrize("loss", ["cross-entropy", "focal", "focal+lovasz"])
def test_the_loss_is_the_one_asked_for(loss: str) -> None:
    ctx = context()
    found = Supervised(ctx.student, setting(), Supervised.Config(loss=loss)).losses(ctx)["main"]
    logits, label = ctx.source_out.logits, ctx.source.label
    assert label is not None
    wanted = {
        "cross-entropy": cross_entropy(logits, label),
        "focal": focal(logits, label),
        "focal+lovasz": focal(logits, label) + lovasz_softmax(logits, label),
    }
    torch.testing.assert_close(found, wanted[loss])


def test_enet_weights_follow_the_labels_seen_so_far() -> None:
    part = None
    counts = [0, 0]
    for seed in range(3):
        ctx = context(seed=seed)
        label = ctx.source.label
        assert label is not None
        part = part or Supervised(ctx.student, setting(), Supervised.Config(class_weights="enet"))
        counts = [counts[c] + int((label == c).sum()) for c in range(2)]
        weight = [1 / math.log(1.02 + counts[c] / sum(counts)) for c in range(2)]
        wanted = cross_entropy(ctx.source_out.logits, label, torch.tensor(weight))
        torch.testing.assert_close(part.losses(ctx), {"main": wanted})


def test_it_works_without_a_target() -> None:
    ctx = context()
    ctx.batch = Batch(source=ctx.source)
    losses = Supervised(ctx.student, setting(), Supervised.Config()).losses(ctx)
    assert torch.isfinite(losses["main"])
