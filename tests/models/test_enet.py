import pytest
import torch
from torch.nn import functional as F

from dagen.errors import UsageError
from dagen.models.deployed.cost import macs, parameters
from dagen.models.enet import ENet, pool_with_argmax, unpool


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


def test_stages_have_the_papers_sizes() -> None:
    """Table 1, for an input of 64x64 in place of 512x512."""
    network, sizes = ENet(5).eval(), {}
    for name in ("initial", "stage1", "stage2", "stage3", "stage4", "stage5", "head"):
        network.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, name=name: sizes.update({name: tuple(output.shape[1:])})
        )
    with torch.no_grad():
        network(torch.rand(1, 3, 64, 64))
    assert sizes == {
        "initial": (16, 32, 32),
        "stage1": (64, 16, 16),
        "stage2": (128, 8, 8),
        "stage3": (128, 8, 8),
        "stage4": (64, 16, 16),
        "stage5": (16, 32, 32),
        "head": (5, 64, 64),
    }


def test_figures_at_five_classes() -> None:
    with torch.device("meta"):
        network = ENet(5)
    assert parameters(network) == 363_044
    assert macs(network, (224, 448)) == 728_229_376


def test_upsampling_starts_as_bilinear_interpolation() -> None:
    network = ENet(3, width=0.5)
    for up in (network.up4, network.up5):
        double = up.branch[3]
        x = torch.rand(1, double.in_channels, 5, 6, generator=torch.Generator().manual_seed(0))
        expected = torch.zeros(1, double.in_channels, 10, 12)
        for i in range(9):
            for j in range(11):  # even places hold a pixel, odd ones the mean of two or four
                block = x[:, :, i // 2 : (i + 1) // 2 + 1, j // 2 : (j + 1) // 2 + 1]
                expected[:, :, i, j] = block.mean((2, 3))
        with torch.no_grad():
            found = double(x)
        torch.testing.assert_close(found[..., :9, :11], expected[..., :9, :11])


def test_the_head_starts_with_one_classifier_for_all_four_places() -> None:
    network = ENet(3, width=0.5)
    with torch.no_grad():
        logits = network.head(torch.rand(1, network.feature_channels, 3, 4))
    places = F.pixel_unshuffle(logits, 2).view(1, 3, 4, 3, 4)
    torch.testing.assert_close(places, places[:, :, :1].expand_as(places))
    assert network.head.weight.std() > 0


def test_a_dropout_outside_its_range_is_refused() -> None:
    with pytest.raises(UsageError, match=r"dropout is 1\.0"):
        ENet(3, dropout=1.0)
