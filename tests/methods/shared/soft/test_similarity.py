import math

import numpy as np
import pytest
import torch

from dagen.methods.shared.soft.similarity import similarity


def slow(ours: np.ndarray, theirs: np.ndarray, temperature: float) -> float:
    """The same for one image, by loops over places."""

    def rows(x: np.ndarray) -> list[list[float]]:
        places = [x[:, i, j] for i in range(x.shape[1]) for j in range(x.shape[2])]
        found = []
        for a, one in enumerate(places):
            scores = [
                math.exp(float(one @ b / (np.linalg.norm(one) * np.linalg.norm(b))) / temperature)
                for k, b in enumerate(places)
                if k != a
            ]
            found.append([s / sum(scores) for s in scores])
        return found

    total = 0.0
    pairs = list(zip(rows(ours), rows(theirs), strict=True))
    for p_row, q_row in pairs:
        total += sum(q * math.log(q / p) for p, q in zip(p_row, q_row, strict=True))
    return total / len(pairs)


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_it_is_the_mean_divergence_of_rows_without_the_place_itself(temperature: float) -> None:
    draw = torch.Generator().manual_seed(0)
    ours, theirs = (torch.randn(2, c, 3, 2, generator=draw) for c in (4, 7))
    each = [
        slow(a.double().numpy(), b.double().numpy(), temperature)
        for a, b in zip(ours, theirs, strict=True)
    ]
    found = float(similarity(ours, theirs, temperature))
    assert found == pytest.approx(float(np.mean(each)), rel=1e-3)


def test_equal_structure_costs_nothing_and_gradients_reach_the_student() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(1, 4, 3, 3, generator=draw).requires_grad_()
    turned = torch.linalg.qr(torch.randn(4, 4, generator=draw))[0]
    other = torch.einsum("ij,bjhw->bihw", turned, 3 * x.detach())
    assert float(similarity(x, other).detach()) == pytest.approx(0, abs=1e-4)
    similarity(x, other.flip(3)).backward()
    assert x.grad is not None and bool(x.grad.isfinite().all() and x.grad.any())
