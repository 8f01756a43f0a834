import pytest
import torch
from torch.nn import functional as F

from dagen.models.layers.unpooling import ArgmaxPool, places, pool_with_argmax, unpool


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


class Both(torch.nn.Module):
    """Pools and unpools, and says where."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = ArgmaxPool()

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        pooled, where = self.pool(x)
        return unpool(pooled, where), places(where)


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_an_exported_graph_computes_the_same_without_indices(layout: torch.memory_format) -> None:
    x = torch.randint(0, 3, (2, 3, 8, 12)).float().contiguous(memory_format=layout)  # many ties
    exported = torch.export.export(Both(), (x,))
    named = [str(node.target) for node in exported.graph.nodes]
    assert any("pixel_shuffle" in each for each in named)
    assert not any("pool" in each or "scatter" in each for each in named)
    assert all(torch.equal(a, b) for a, b in zip(Both()(x), exported.module()(x), strict=True))


def test_the_layout_of_images_is_kept() -> None:
    x = torch.rand(2, 4, 8, 8).contiguous(memory_format=torch.channels_last)
    pooled, where = pool_with_argmax(x)
    assert pooled.is_contiguous(memory_format=torch.channels_last)
    assert unpool(pooled, where).is_contiguous(memory_format=torch.channels_last)


def test_bfloat16_is_taken() -> None:
    pooled, where = pool_with_argmax(torch.rand(1, 2, 4, 4).bfloat16())
    assert unpool(pooled, where).dtype == torch.bfloat16
