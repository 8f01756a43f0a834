"""Weights of rare classes of soft maps."""

import torch

from dagen.methods.shared.soft.balance import Balance
from dagen.methods.shared.soft.cross_entropy import decided_cross_entropy, soft_cross_entropy


def maps() -> tuple[torch.Tensor, torch.Tensor]:
    """Two images of 5x6 pixels and three classes; a row of pixels counts for nothing."""
    soft = torch.rand(2, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    soft[:, 1] *= 5  # the common one
    weight = torch.ones(2, 5, 6)
    weight[:, 0] = 0
    return soft / soft.sum(1, keepdim=True), weight


def test_each_class_counts_as_much_as_any_other() -> None:
    soft, weight = maps()
    for power, equal in ((0.0, False), (0.5, False), (1.0, True)):
        balance = Balance(3, power)
        for image in range(2):  # in steps
            balance.observe(soft[image : image + 1], weight[image : image + 1])
        counted = (balance(soft)[:, 1:] * weight[:, None]).sum((0, 2, 3))
        before = (soft[:, 1:] * weight[:, None]).sum((0, 2, 3))
        torch.testing.assert_close(counted.sum(), before.sum())  # foreground as a whole does not
        assert torch.allclose(counted[0], counted[1], rtol=1e-4) is equal
        assert counted[0] / counted[1] <= before[0] / before[1]
    torch.testing.assert_close(Balance(3, 1.0)(soft), soft)  # nothing was seen


def test_a_class_that_never_comes_has_a_finite_weight() -> None:
    soft, weight = maps()
    soft[:, 2] = 0
    balance = Balance(3, 1.0)
    balance.observe(soft, weight)
    assert balance.weights().isfinite().all()
    torch.testing.assert_close(balance(soft), soft)


def test_the_best_answer_is_that_of_equally_frequent_classes() -> None:
    # All pixels are doubtful alike: the first material with 0.6, the second with 0.2.
    soft = torch.tensor([0.2, 0.6, 0.2]).view(1, 3, 1, 1).expand(1, 3, 4, 4).contiguous()
    weight = torch.ones(1, 4, 4)
    balance = Balance(3, 1.0)
    balance.observe(soft, weight)
    for loss in (soft_cross_entropy, decided_cross_entropy):
        logits = torch.zeros(1, 3, 1, 1, requires_grad=True)
        optimizer = torch.optim.Adam([logits], lr=0.05)
        for _ in range(400):
            optimizer.zero_grad()
            loss(logits.expand(1, 3, 4, 4), balance(soft), weight).backward()
            optimizer.step()
        p = logits.detach()[0, 1:, 0, 0].softmax(0)
        torch.testing.assert_close(p, torch.tensor([0.5, 0.5]), atol=1e-3, rtol=0)
