import numpy as np
import pytest
import torch

from dagen.methods.shared.soft.regression import regression, standardised


def test_channels_have_mean_0_and_variance_1_over_batch_and_places() -> None:
    x = torch.randn(3, 4, 5, 6) * 7 + 3
    got = standardised(x).numpy()
    for k in range(4):
        own = x[:, k].double().numpy()
        assert np.allclose(got[:, k], (own - own.mean()) / own.std(), atol=1e-4)
    flat = standardised(torch.full((1, 2, 3, 3), 4.0))
    assert torch.equal(flat, torch.zeros(1, 2, 3, 3))


def test_it_is_the_mean_squared_error_and_1_without_knowledge() -> None:
    draw = torch.Generator().manual_seed(0)
    ours, theirs = torch.randn(2, 2, 3, 4, 4, generator=draw)
    pairs = zip(ours.flatten().tolist(), theirs.flatten().tolist(), strict=True)
    wanted = np.mean([(a - b) ** 2 for a, b in pairs])
    assert float(regression(ours, theirs)) == pytest.approx(float(wanted), rel=1e-5)
    wanted_map = standardised(theirs)
    assert float(regression(torch.zeros_like(ours), wanted_map)) == pytest.approx(1, abs=1e-3)
    assert float(regression(wanted_map, wanted_map)) == 0
