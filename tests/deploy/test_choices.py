"""Choices of the largest of four pixels, read and replaced."""

import pytest
import torch
from torch import Tensor, nn

from dagen.deploy.choices import imposed, pools, recorded
from dagen.models.layers.unpooling import ArgmaxPool, unpool


class Chooser(nn.Module):
    """Pools twice and unpools once."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = ArgmaxPool(), ArgmaxPool()

    def forward(self, x: Tensor) -> Tensor:
        pooled, where = self.first(x)
        self.second(pooled)
        return unpool(pooled, where)


def test_choices_are_recorded_and_imposed_layer_by_layer() -> None:
    network, x = Chooser(), torch.randn(2, 3, 8, 12)
    plain = network(x)
    with recorded(network) as own:
        network(x)
    assert [tuple(each.shape) for each in own] == [(2, 3, 4, 4, 6), (2, 3, 4, 2, 3)]
    assert len(pools(network)) == 2
    with imposed(network, own) as below:
        torch.testing.assert_close(network(x), plain, rtol=0, atol=0)
    assert below == [0, 0]
    torch.testing.assert_close(network(x), plain, rtol=0, atol=0)  # the hooks are gone
    with recorded(network) as again:
        network(x)
    assert len(again) == 2


def test_a_choice_is_a_tie_only_if_the_pixels_are_equal() -> None:
    network = Chooser()
    x = torch.zeros(1, 1, 4, 4)
    x[0, 0, :2, :2] = torch.tensor([[5.0, 5.0], [1.0, 0.0]])
    with recorded(network) as own:
        network(x)
    assert own[0][0, 0, :, 0, 0].tolist() == [True, False, False, False]
    for place, missed in ((1, 0.0), (2, 0.8), (3, 1.0)):
        other = own[0].clone()
        other[0, 0, :, 0, 0] = torch.arange(4) == place
        with imposed(network, [other, own[1]]) as below:
            out = network(x)
        assert below[0] == pytest.approx(missed)
        assert out[0, 0, place // 2, place % 2] == 5 and out.sum() == 5
