"""Sharpened names: what stays, and what they become."""

import pytest
import torch

from dagen.methods.shared.soft.sharpening import sharpened

SOFT = torch.rand(2, 5, 4, 6, generator=torch.Generator().manual_seed(0)).softmax(1)


def test_a_slow_version_of_the_formula() -> None:
    found = sharpened(SOFT, 0.25)
    for b, h, w in ((0, 0, 0), (1, 3, 5), (0, 2, 1)):
        names = SOFT[b, 1:, h, w].double()
        share = names / names.sum()
        want = share**4 / (share**4).sum() * names.sum()
        assert torch.allclose(found[b, 1:, h, w].double(), want, atol=1e-6)
    assert torch.equal(found[:, 0], SOFT[:, 0])
    assert torch.allclose(found.sum(1), torch.ones(2, 4, 6), atol=1e-6)


def test_one_changes_nothing_and_towards_zero_one_name_is_sure() -> None:
    assert torch.allclose(sharpened(SOFT, 1.0), SOFT, atol=1e-6)
    hard = sharpened(SOFT, 1e-4)
    assert torch.equal(hard[:, 1:].argmax(1), SOFT[:, 1:].argmax(1))
    assert torch.allclose(hard[:, 1:].amax(1), SOFT[:, 1:].sum(1), atol=1e-5)


@pytest.mark.parametrize("temperature", [1e-4, 0.5, 1.0])
def test_pixels_without_any_foreground_stay_so(temperature: float) -> None:
    none = torch.zeros(1, 5, 2, 2)
    none[:, 0] = 1.0
    assert torch.equal(sharpened(none, temperature), none)
