import pytest
import torch

from dagen import plugins
from dagen.losses import max_square
from tests.methods.shift import RED, gap_closed
from tests.toy import context, setting

MaxSquare = plugins.get("methods", "maxsquare")


@pytest.mark.parametrize("weighted", [False, True])
def test_the_term_is_the_weighted_loss_on_the_target(weighted: bool) -> None:
    ctx = context()
    config = MaxSquare.Config(weight=0.3, image_weighted=weighted, alpha=0.7)
    losses = MaxSquare(ctx.student, setting(), config).losses(ctx)
    p = ctx.target_out.logits.softmax(1)
    wanted = 0.3 * max_square(p, image_weighted=weighted, alpha=0.7)
    torch.testing.assert_close(losses, {"main": wanted})


@pytest.mark.parametrize("weighted", [False, True])
def test_it_closes_a_gap(weighted: bool) -> None:
    assert gap_closed("maxsquare", RED, weight=10.0, image_weighted=weighted) > 0.4
