import math

import pytest
import torch

from dagen.methods.shared.soft.cross_entropy import foreground_logit, soft_cross_entropy


def test_it_is_the_weighted_mean_over_the_pixels() -> None:
    torch.manual_seed(0)
    logits, soft = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5).softmax(1)
    weight = torch.rand(2, 4, 5)
    p = logits.double().softmax(1)
    total = sum(
        float(weight[b, y, x])
        * -sum(float(soft[b, c, y, x]) * math.log(float(p[b, c, y, x])) for c in range(3))
        for b in range(2)
        for y in range(4)
        for x in range(5)
    )
    found = float(soft_cross_entropy(logits, soft, weight))
    assert found == pytest.approx(total / float(weight.sum()), rel=1e-5)
    assert float(soft_cross_entropy(logits, soft, torch.zeros(2, 4, 5))) == 0


def test_it_is_least_where_the_prediction_is_the_map() -> None:
    soft = torch.tensor([0.2, 0.8]).view(1, 2, 1, 1)
    logits = soft.log().requires_grad_(True)
    soft_cross_entropy(logits, soft, torch.ones(1, 1, 1)).backward()
    assert logits.grad is not None and torch.allclose(logits.grad, torch.zeros(1), atol=1e-7)


def test_foreground_is_the_sum_of_all_classes_but_the_first() -> None:
    logits = torch.randn(2, 5, 3, 3, generator=torch.Generator().manual_seed(0))
    p = logits.softmax(1)
    assert torch.allclose(foreground_logit(logits).sigmoid(), p[:, 1:].sum(1), atol=1e-6)
    two = logits[:, :2]
    assert torch.allclose(foreground_logit(two), two[:, 1] - two[:, 0])
