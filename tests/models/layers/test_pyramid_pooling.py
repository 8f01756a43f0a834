import pytest
import torch
from torch import Tensor

from dagen.models.base import upsample
from dagen.models.layers.pyramid_pooling import pooling_matrix, pyramid_pool


def slow_pyramid_pool(x: Tensor, bins: tuple[int, ...]) -> Tensor:
    height, width = x.shape[2:]
    out = x.clone()
    for count in bins:
        rows, columns = min(count, height), min(count, width)
        level = x.new_zeros(*x.shape[:2], rows, columns)
        for i in range(rows):
            for j in range(columns):
                top, left = i * (height // rows), j * (width // columns)
                # The window of the last bin ends at the border, and all have its size.
                tall = height - (rows - 1) * (height // rows)
                broad = width - (columns - 1) * (width // columns)
                patch = x[:, :, top : top + tall, left : left + broad]
                level[:, :, i, j] = patch.sum((2, 3)) / (tall * broad)
        out = out + upsample(level, (height, width))
    return out


@pytest.mark.parametrize("size", [(7, 14), (1, 1), (2, 9), (6, 6), (33, 65)])
def test_pyramid_pool(size: tuple[int, int]) -> None:
    x = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    expected = slow_pyramid_pool(x, (1, 2, 3, 6))
    torch.testing.assert_close(pyramid_pool(x), expected)


def test_pyramid_pool_of_a_constant_is_five_times_the_constant() -> None:
    x = torch.full((1, 2, 7, 14), 3.0)
    torch.testing.assert_close(pyramid_pool(x), 5 * x)


@pytest.mark.parametrize("bins", [1, 2, 3, 6])
@pytest.mark.parametrize("side", [1, 2, 5, 6, 7, 13, 64])
def test_matrices_of_an_export_pool_the_same(side: int, bins: int) -> None:
    x = torch.rand(2, 3, side, 9, generator=torch.Generator().manual_seed(side))
    pooled = pooling_matrix(side, bins) @ x @ pooling_matrix(9, bins).T
    torch.testing.assert_close(x + pooled, slow_pyramid_pool(x, (bins,)))
