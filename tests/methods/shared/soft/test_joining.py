import pytest
import torch

from dagen.methods.shared.soft.joining import agreement, foreground, join, outline_band


def test_one_map_stays_as_it_is() -> None:
    soft = torch.rand(2, 8, 8)
    joined = join([soft], "minimum", 0.5)
    assert torch.equal(joined.soft, soft) and joined.valid.all()
    assert joined.agreement.tolist() == [1, 1]


def test_mean_and_minimum_and_disputed_pixels() -> None:
    a = torch.tensor([[[0.9, 0.9, 0.1]]])
    b = torch.tensor([[[0.7, 0.2, 0.1]]])
    assert torch.allclose(join([a, b], "mean", 0.5).soft, torch.tensor([[[0.8, 0.55, 0.1]]]))
    joined = join([a, b], "minimum", 0.5)
    assert torch.equal(joined.soft, torch.tensor([[[0.7, 0.2, 0.1]]]))
    assert joined.valid.tolist() == [[[True, False, True]]]
    assert join([a, b], "mean", 1.0).valid.all()


def test_the_minimum_of_classes_is_the_map_with_more_background() -> None:
    a = torch.tensor([0.1, 0.8, 0.1]).view(1, 3, 1, 1)
    b = torch.tensor([0.4, 0.0, 0.6]).view(1, 3, 1, 1)
    assert torch.equal(join([a, b], "minimum", 1.0).soft, b)
    assert torch.allclose(join([a, b], "mean", 1.0).soft, (a + b) / 2)


def test_a_map_of_one_channel_makes_classes_foreground() -> None:
    classes = torch.tensor([0.25, 0.5, 0.25]).view(1, 3, 1, 1)
    joined = join([classes, torch.full((1, 1, 1), 0.25)], "mean", 1.0)
    assert joined.soft.tolist() == [[[0.5]]]
    assert foreground(classes).tolist() == [[[0.75]]]


def test_agreement_is_the_iou_of_what_is_found() -> None:
    maps = torch.zeros(2, 3, 100, 100)
    maps[0, 0, :50] = maps[1, 0, 25:75] = 1  # 2500 in both, 7500 in either
    maps[0, 1, :50] = maps[1, 1, :50] = 0.6
    maps[0, 2, 0, 0] = 1  # a speck
    found = agreement(maps)
    assert found[0] == pytest.approx(2600 / 7600) and found[1] == 1
    assert float(found[2]) > 0.98


@pytest.mark.parametrize("width", [1, 2, 3])
def test_the_band_lies_on_both_sides_of_the_outline(width: int) -> None:
    shown = torch.zeros(1, 20, 20)
    shown[:, :, 8:] = 0.9
    band = outline_band(shown, width)
    assert band[0, 5].nonzero()[:, 0].tolist() == list(range(8 - width, 8 + width))
    assert not outline_band(shown, 0).any()
    assert not outline_band(torch.ones(1, 9, 9), width).any()  # the frame is no outline
