import pytest
import torch

from dagen.methods.shared.soft.dice import soft_dice


def test_agreement_is_nothing_and_disagreement_nearly_one() -> None:
    soft = torch.zeros(1, 1, 20, 20)
    soft[..., :10] = 1
    weight = torch.ones(1, 20, 20)
    assert float(soft_dice(soft, soft, weight)) == pytest.approx(0)
    assert float(soft_dice(1 - soft, soft, weight)) == pytest.approx(1 - 1 / 401)
    assert float(soft_dice(soft * 0, soft * 0, weight)) == 0  # nothing to find, nothing found


def test_it_is_the_formula_over_the_batch() -> None:
    draw = torch.Generator().manual_seed(0)
    p, q = torch.rand(2, 3, 2, 5, 5, generator=draw)
    w = torch.rand(3, 5, 5, generator=draw)
    each = []
    for c in range(2):
        both = sum(float((w[b] * p[b, c] * q[b, c]).sum()) for b in range(3))
        sums = sum(float((w[b] * (p[b, c] + q[b, c])).sum()) for b in range(3))
        each.append((2 * both + 1) / (sums + 1))
    assert float(soft_dice(p, q, w)) == pytest.approx(1 - sum(each) / 2, rel=1e-5)
