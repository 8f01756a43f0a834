"""Local self-similarity: which places of an image are alike, as a distribution for each place."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_OUT = -1e4
"""Logit of a place's likeness to itself, which is the same for every network."""


def similarity(student: Tensor, teacher: Tensor, temperature: float = 0.07) -> Tensor:
    """Mean over the places of KL(q || p), rows of two self-similarity matrices of an image.

    A row is the softmax, over all other places of the image, of cosines divided by the temperature.
    It is the local term of lightly-train's distillation (third version; 0.07), and needs neither
    labels nor matching channels. The likeness of a place to itself is left out here.

    Args:
        student: (B, D, h, w) features, h * w at least 2.
        teacher: (B, E, h, w) features, without gradient.
        temperature: above 0.
    """
    log_p, log_q = (_rows(x, temperature) for x in (student, teacher.detach()))
    return (log_q.exp() * (log_q - log_p)).sum(2).mean()


def _rows(features: Tensor, temperature: float) -> Tensor:
    """(B, N, N) logarithms of probabilities."""
    places = F.normalize(features.float().flatten(2), dim=1)
    with torch.autocast(places.device.type, enabled=False):
        cosines = places.transpose(1, 2) @ places
    alone = torch.eye(cosines.shape[1], dtype=torch.bool, device=cosines.device)
    return (cosines / temperature).masked_fill(alone, _OUT).log_softmax(2)
