import pytest
import torch
from torch.nn import functional as F

from dagen.models.layers.unpooling import pool_with_argmax, unpool


@pytest.mark.parametrize("shape", [(2, 3, 8, 12), (1, 16, 32, 32), (1, 1, 2, 2)])
def test_unpooling_equals_max_unpool2d(shape: tuple[int, int, int, int]) -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=draw)
    values = torch.randn(*shape[:2], shape[2] // 2, shape[3] // 2, generator=draw)
    pooled, where = pool_with_argmax(x)
    expected, indices = F.max_pool2d(x, 2, return_indices=True)
    assert torch.equal(pooled, expected)
    assert torch.equal(unpool(values, where), F.max_unpool2d(values, indices, 2))


def test_of_equal_values_the_first_is_the_maximum() -> None:
    x = torch.tensor([0.0, 1.0]).repeat(8).view(1, 1, 4, 4)  # two maxima in each window
    _, where = pool_with_argmax(x)
    _, indices = F.max_pool2d(x, 2, return_indices=True)
    ones = torch.ones(1, 1, 2, 2)
    assert torch.equal(unpool(ones, where), F.max_unpool2d(ones, indices, 2))


def test_unpooling_keeps_infinities_out_of_other_places() -> None:
    _, where = pool_with_argmax(torch.rand(1, 1, 2, 2))
    out = unpool(torch.full((1, 1, 1, 1), float("inf")), where)
    assert out.isinf().sum() == 1
    assert not out.isnan().any()


def test_gradients_equal_those_of_max_pooling_and_unpooling() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 8, 8, generator=draw)
    direction = torch.randn(2, 3, 8, 8, generator=draw)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    pooled, where = pool_with_argmax(ours)
    (unpool(pooled.square(), where) * direction).sum().backward()
    pooled, indices = F.max_pool2d(theirs, 2, return_indices=True)
    (F.max_unpool2d(pooled.square(), indices, 2) * direction).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
