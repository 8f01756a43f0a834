import math

import pytest
import torch

from dagen.methods.shared.soft.cross_entropy import (
    decided_cross_entropy,
    foreground_logit,
    soft_cross_entropy,
)


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


def test_the_largest_class_decides_what_is_segmented_as_foreground() -> None:
    logits = torch.randn(2, 5, 8, 8, generator=torch.Generator().manual_seed(1))
    assert torch.equal(foreground_logit(logits, "largest") > 0, logits.argmax(1) > 0)
    two = logits[:, :2]
    assert torch.allclose(foreground_logit(two), foreground_logit(two, "largest"))


def test_where_and_what_add_up_to_the_cross_entropy_when_the_sum_decides() -> None:
    torch.manual_seed(2)
    logits, soft = torch.randn(2, 4, 5, 5), torch.randn(2, 4, 5, 5).softmax(1)
    weight = torch.rand(2, 5, 5)
    p = logits.double().softmax(1)
    where = 1 - p[:, 0]
    chain = (1 - soft[:, 0]) * where.log() + soft[:, 0] * p[:, 0].log()
    what = (soft[:, 1:] * (p[:, 1:] / where[:, None]).log()).sum(1)
    best = logits[:, 1:].amax(1) - logits[:, 0]
    decided = (1 - soft[:, 0]) * best.sigmoid().log() + soft[:, 0] * (-best).sigmoid().log()
    mean = weight.sum()
    found = soft_cross_entropy(logits, soft, weight)
    assert float(found) == pytest.approx(float((-(chain + what) * weight).sum() / mean), rel=1e-4)
    found = decided_cross_entropy(logits, soft, weight)
    assert float(found) == pytest.approx(float((-(decided + what) * weight).sum() / mean), rel=1e-4)
    assert float(decided_cross_entropy(logits, soft, torch.zeros(2, 5, 5))) == 0
    found = decided_cross_entropy(logits, soft, weight, "foreground")
    objects = ((1 - soft[:, 0]) * weight).sum()
    terms = -(decided * weight).sum() / mean - (what * weight).sum() / objects
    assert float(found) == pytest.approx(float(terms), rel=1e-4)
    assert float(decided_cross_entropy(logits, soft, torch.zeros(2, 5, 5), "foreground")) == 0


def test_uncertain_names_leave_foreground_foreground() -> None:
    soft = torch.tensor([0.35, 0.26, 0.13, 0.13, 0.13]).view(1, 5, 1, 1)
    for loss, wanted in ((soft_cross_entropy, 0), (decided_cross_entropy, 1)):
        logits = torch.zeros(1, 5, 1, 1, requires_grad=True)
        step = torch.optim.SGD([logits], lr=0.5)
        for _ in range(300):
            step.zero_grad()
            loss(logits, soft, torch.ones(1, 1, 1)).backward()
            step.step()
        assert int(logits.argmax(1)) == wanted
        q = logits.detach()[0, 1:, 0, 0].softmax(0)
        assert torch.allclose(q, soft[0, 1:, 0, 0] / 0.65, atol=0.01)
