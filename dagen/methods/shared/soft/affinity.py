"""Pairwise distillation: how alike the features of any two places are (Liu et al., CVPR 2019)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def affinity(student: Tensor, teacher: Tensor, patch: int = 2) -> Tensor:
    """Mean squared difference of two cosine similarity maps (equation 2), in [0, 4].

    Each node is the largest value of each channel in ``patch`` x ``patch`` places, as in the
    authors' code. No channel of one network needs a partner in the other. Features of different
    strides are first averaged to the coarser grid; the paper has one grid for both.

    Args:
        student: (B, D, h, w) features.
        teacher: (B, E, k, l) features, without gradient.
        patch: side of a node in places of the coarser grid; time and memory fall with its fourth
            power.
    """
    ours, theirs = on_one_grid(student.float(), teacher.detach().float())
    with torch.autocast(ours.device.type, enabled=False):
        gap = _similarity(ours, patch) - _similarity(theirs, patch)
    return gap.square().mean()


def on_one_grid(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Two maps (B, *, h, w), each averaged to the smaller height and the smaller width of both."""
    size = min(one.shape[-2], other.shape[-2]), min(one.shape[-1], other.shape[-1])
    fitted = (x if x.shape[-2:] == size else F.adaptive_avg_pool2d(x, size) for x in (one, other))
    first, second = fitted
    return first, second


def _similarity(features: Tensor, patch: int) -> Tensor:
    """(B, N, N) cosines between all nodes."""
    nodes = F.max_pool2d(features, patch, ceil_mode=True).flatten(2)
    nodes = F.normalize(nodes, dim=1)
    return nodes.transpose(1, 2) @ nodes
