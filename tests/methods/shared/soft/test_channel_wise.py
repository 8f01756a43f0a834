import numpy as np
import pytest
import torch

from dagen.methods.shared.soft.channel_wise import channel_wise


def _slow(ours: np.ndarray, theirs: np.ndarray, temperature: float, valid: np.ndarray) -> float:
    total = 0.0
    for b in range(ours.shape[0]):
        for c in range(ours.shape[1]):
            s, t = (x[b, c][valid[b]] / temperature for x in (ours, theirs))
            p, q = (np.exp(x) / np.exp(x).sum() for x in (s, t))
            total += float((q * np.log(q / p)).sum())
    return temperature**2 * total / (ours.shape[0] * ours.shape[1])


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_it_is_the_divergence_over_the_pixels_of_each_channel(temperature: float) -> None:
    draw = np.random.default_rng(0)
    ours, theirs = draw.normal(0, 3, (2, 2, 3, 4, 5))
    valid = draw.random((2, 4, 5)) < 0.7
    tensors = torch.from_numpy(ours), torch.from_numpy(theirs)
    found = channel_wise(*tensors, temperature, torch.from_numpy(valid))
    assert float(found) == pytest.approx(_slow(ours, theirs, temperature, valid), rel=1e-4)
    whole = channel_wise(*tensors, temperature)
    everywhere = np.ones_like(valid)
    assert float(whole) == pytest.approx(_slow(ours, theirs, temperature, everywhere), rel=1e-4)


def test_scale_and_place_matter_but_no_offset() -> None:
    x = torch.randn(1, 2, 6, 6, generator=torch.Generator().manual_seed(0))
    assert float(channel_wise(x + 5, x)) == pytest.approx(0, abs=1e-5)
    assert float(channel_wise(2 * x, x)) > 0.01 and float(channel_wise(x.flip(3), x)) > 0.01


def test_images_count_by_their_weight() -> None:
    draw = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 2, 1, 6, 6, generator=draw)
    each = [float(channel_wise(x[b : b + 1], y[b : b + 1])) for b in range(2)]
    found = channel_wise(x, y, image_weight=torch.tensor([0.5, 0.0]))
    assert float(found) == pytest.approx(0.25 * each[0], rel=1e-5)


def test_no_gradient_reaches_the_teacher_or_invalid_pixels() -> None:
    x, y = torch.randn(2, 1, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    x.requires_grad_(True)
    y.requires_grad_(True)
    valid = torch.ones(1, 4, 4, dtype=torch.bool)
    valid[0, 0] = False
    channel_wise(x, y, 4.0, valid).backward()
    assert y.grad is None and x.grad is not None
    assert not x.grad[0, 0, 0].any() and x.grad[0, 0, 1:].all()
