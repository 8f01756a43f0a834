import torch

from dagen import plugins
from dagen.losses import information_maximisation
from tests.methods.shift import BRIGHTER, gap_closed
from tests.toy import context, setting

InfoMax = plugins.get("methods", "infomax")


def test_the_prior_is_the_share_of_all_source_labels_so_far() -> None:
    part = None
    counts = torch.zeros(2)
    for seed in range(3):
        ctx = context(seed=seed)
        part = part or InfoMax(ctx.student, setting(), InfoMax.Config(weight=0.2, diversity=0.5))
        label = ctx.source.label
        assert label is not None
        counts += torch.tensor([(label == c).sum() for c in range(2)])
        found = part.losses(ctx)
        p = ctx.target_out.logits.softmax(1)
        wanted = 0.2 * information_maximisation(p, counts / counts.sum(), 0.5)
        torch.testing.assert_close(found, {"main": wanted})
    assert part is not None and part.counts.tolist() == counts.tolist()


def test_the_uniform_prior_is_the_papers_formula() -> None:
    ctx = context()
    part = InfoMax(ctx.student, setting(), InfoMax.Config(weight=1.0, prior="uniform"))
    wanted = information_maximisation(ctx.target_out.logits.softmax(1))
    torch.testing.assert_close(part.losses(ctx), {"main": wanted})


def test_it_closes_a_gap() -> None:
    assert gap_closed("infomax", BRIGHTER, weight=0.3) > 0.5
