import itertools

import pytest
import torch

from dagen.criteria.base import create
from tests.criteria.drawn import C, draw, pixels


def slow(known: list[tuple[list[float], int]]) -> float:
    """The definition (Berman et al., proposition 2): an expectation over random thresholds.

    The extension of a set function at errors ``m`` is the integral over t in [0, 1] of its value
    for the set of pixels with ``m > t``.
    """
    classes = sorted({c for _, c in known})
    total = 0.0
    for c in classes:
        errors = [1 - p[c] if k == c else p[c] for p, k in known]
        edges = [0.0, *sorted(errors)]
        for low, high in itertools.pairwise(edges):
            wrong = {i for i, m in enumerate(errors) if m > (low + high) / 2}
            truth = {i for i, (_, k) in enumerate(known) if k == c}
            missed, invented = len(wrong & truth), len(wrong - truth)
            jaccard = 1 - (len(truth) - missed) / (len(truth) + invented)
            total += (high - low) * jaccard
    return total / len(classes)


def test_it_is_the_lovasz_extension_of_the_jaccard_loss() -> None:
    logits, label = draw()
    found = create("lovasz", {}, C)(logits, label)
    assert float(found) == pytest.approx(slow(pixels(logits, label)))


def test_it_is_kornias() -> None:
    from kornia.losses import lovasz_softmax_loss

    logits, label = draw(shape=(1, C, 6, 7), known=True)
    found = create("lovasz", {}, C)(logits, label)
    assert float(found) == pytest.approx(float(lovasz_softmax_loss(logits, label)))


def test_hard_predictions_have_one_minus_iou() -> None:
    label = torch.tensor([[[0, 0, 1, 1]]])
    logits = 200.0 * torch.nn.functional.one_hot(torch.tensor([[[0, 1, 1, 1]]]), 2).movedim(-1, 1)
    found = create("lovasz", {}, 2)(logits.double(), label)
    assert float(found) == pytest.approx(1 - (1 / 2 + 2 / 3) / 2)
