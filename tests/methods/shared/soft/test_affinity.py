import numpy as np
import pytest
import torch

from dagen.methods.shared.soft.affinity import affinity, on_one_grid


def slow(ours: np.ndarray, theirs: np.ndarray, patch: int) -> float:
    """The same by loops over all pairs of places of one image."""

    def nodes(x: np.ndarray) -> list[np.ndarray]:
        found = []
        for top in range(0, x.shape[1], patch):
            for left in range(0, x.shape[2], patch):
                found.append(x[:, top : top + patch, left : left + patch].max((1, 2)))
        return found

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))

    one, other = nodes(ours), nodes(theirs)
    gaps = [
        (cosine(one[i], one[j]) - cosine(other[i], other[j])) ** 2
        for i in range(len(one))
        for j in range(len(one))
    ]
    return float(np.mean(gaps))


@pytest.mark.parametrize("patch", [1, 2, 3])
def test_it_is_the_mean_over_all_pairs(patch: int) -> None:
    draw = torch.Generator().manual_seed(0)
    ours, theirs = (torch.randn(2, c, 4, 5, generator=draw) for c in (6, 3))
    each = [slow(a.numpy(), b.numpy(), patch) for a, b in zip(ours, theirs, strict=True)]
    assert float(affinity(ours, theirs, patch)) == pytest.approx(float(np.mean(each)), rel=1e-4)


def test_a_finer_map_is_averaged_to_the_coarser_grid() -> None:
    draw = torch.Generator().manual_seed(0)
    coarse = torch.randn(1, 4, 3, 6, generator=draw)
    fine = coarse.repeat_interleave(2, 2).repeat_interleave(2, 3)
    ours, theirs = on_one_grid(fine, coarse)
    assert torch.allclose(ours, coarse) and theirs is coarse
    assert float(affinity(fine, coarse)) == pytest.approx(0, abs=1e-10)


def test_scale_is_no_matter_and_structure_is() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(1, 4, 4, 4, generator=draw).requires_grad_()
    assert float(affinity(x, 5 * x.detach()).detach()) == pytest.approx(0, abs=1e-10)
    loss = affinity(x, x.detach().flip(3), patch=1)
    assert 0 < float(loss.detach()) < 4
    loss.backward()
    assert x.grad is not None and bool(x.grad.any())
