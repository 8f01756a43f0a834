import pytest
import torch
from torch.nn import functional as F

from dagen.errors import UsageError
from dagen.models.deployed.cost import macs, parameters
from dagen.models.enet import ENet


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
