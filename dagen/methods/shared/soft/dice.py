"""Dice loss against soft maps (Milletari et al., 3DV 2016)."""

from __future__ import annotations

from torch import Tensor

from dagen.collective import total

_SMOOTH = 1.0
"""Pixels added to both sides, so that an empty map and an empty prediction agree."""


def soft_dice(p: Tensor, soft: Tensor, weight: Tensor) -> Tensor:
    """1 - 2 sum(w p q) / sum(w (p + q)) over the batch, the mean over the channels, in [0, 1].

    The sums are taken over the batch and not over each image, as in scoring: an image without
    objects would otherwise count as much as one that is full of them.

    Args:
        p: (B, K, H, W) predicted probabilities.
        soft: (B, K, H, W) q, in [0, 1].
        weight: (B, H, W) w, each pixel's factor, such as 0 where the map is unsure.
    """
    w = weight[:, None]
    both = total((w * p * soft).sum((0, 2, 3)))
    each = total((w * (p + soft)).sum((0, 2, 3)))
    return 1 - ((2 * both + _SMOOTH) / (each + _SMOOTH)).mean()
