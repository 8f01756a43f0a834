import torch

from dagen import plugins
from dagen.losses import mmd
from tests.methods.shift import BRIGHTER, gap_closed
from tests.toy import context, setting

Mmd = plugins.get("methods", "mmd")


def test_with_all_positions_it_is_the_loss_of_all_features() -> None:
    ctx = context()
    losses = Mmd(ctx.student, setting(), Mmd.Config(weight=2.0, samples=10_000)).losses(ctx)
    source, target = (
        o.features.movedim(1, -1).flatten(0, 2) for o in (ctx.source_out, ctx.target_out)
    )
    torch.testing.assert_close(losses["main"], 2.0 * mmd(source, target))


def test_positions_are_drawn_anew_in_each_step_and_alike_in_the_same() -> None:
    def value(step: int) -> float:
        ctx = context(step=step)
        part = Mmd(ctx.student, setting(), Mmd.Config(samples=10))
        return float(part.losses(ctx)["main"].detach())

    assert value(0) == value(0) != value(1)


def test_it_closes_a_gap() -> None:
    assert gap_closed("mmd", BRIGHTER, samples=128) > 0.5
