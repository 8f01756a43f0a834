import pytest
import torch

from dagen.methods.shared.backgrounds import cells, colours, grounds, power_noise
from dagen.methods.shared.distractors import cast_shadow, strew
from dagen.methods.shared.style import Dice


def _dice(seed: int = 0) -> Dice:
    return Dice(torch.Generator().manual_seed(seed), torch.device("cpu"))


def test_grounds_vary_and_are_bright_as_often_as_dark() -> None:
    ground = grounds(120, (32, 40), _dice())
    assert ground.shape == (120, 3, 32, 40)
    assert ground.min() >= 0 and ground.max() <= 1
    brightness = ground.mean((1, 2, 3))
    assert (brightness > 0.5).float().mean() > 0.3 and (brightness < 0.5).float().mean() > 0.3
    assert ground.std((2, 3)).mean() > 0.05
    assert torch.cdist(ground.flatten(1), ground.flatten(1)).fill_diagonal_(9).min() > 1


def test_noise_has_the_spectrum_that_it_claims() -> None:
    """Of mean 0 and variance 1, and neighbours agree: it is no white noise."""
    noise = power_noise(50, (64, 48), _dice())
    torch.testing.assert_close(noise.mean((2, 3)), torch.zeros(50, 1), atol=1e-4, rtol=0)
    torch.testing.assert_close(noise.square().mean((2, 3)), torch.ones(50, 1), atol=1e-3, rtol=0)
    spectrum = torch.fft.rfft2(noise).abs().square().mean((0, 1))
    assert spectrum[1:4, 1:4].mean() > 20 * spectrum[20:32, 16:24].mean()


def test_cells_are_constant_inside_and_have_joints() -> None:
    tone, tint, edge = cells(20, (48, 48), _dice())
    assert tone.shape == edge.shape == (20, 1, 48, 48) and tint.shape == (20, 3, 48, 48)
    assert tone.min() >= -1 and tone.max() <= 1 and edge.min() >= 0 and edge.max() == 1
    # Where the value changes between neighbours there is a joint.
    jump = tone.diff(dim=3).abs() > 1e-3
    near = torch.minimum(edge[..., 1:], edge[..., :-1])
    assert near[jump].mean() < 0.6 < near[~jump].mean()
    assert 0.005 < jump.float().mean() < 0.4


def test_colours_are_colours() -> None:
    colour = colours((3, 200), _dice(), bright=0.6)
    assert colour.shape == (3, 200, 3, 1, 1)
    assert colour.min() >= 0 and colour.max() <= 1
    grey = colour.amax(2) - colour.amin(2)
    assert 0.05 < grey.mean() < 0.4


@pytest.mark.parametrize("most", [0, 4])
def test_distractors_are_strewn(most: int) -> None:
    ground = torch.full((40, 3, 32, 32), 0.5)
    strewn = strew(ground, _dice(), most)
    changed = ((strewn - ground).abs().amax(1) > 0.05).float().mean((1, 2))
    if most == 0:
        assert torch.equal(strewn, ground)
    else:
        assert 0.01 < changed.mean() < 0.5
        assert (changed == 0).float().mean() < 0.6  # none is drawn for one image of five
    inside = torch.zeros(40, 1, 32, 32)
    assert torch.equal(cast_shadow(ground, inside, _dice()), ground)
