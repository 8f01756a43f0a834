"""Cross-entropy against soft maps."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from dagen.collective import divisor

Foreground = Literal["sum", "largest"]
Over = Literal["image", "foreground"]


def soft_cross_entropy(logits: Tensor, soft: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of -sum(q log p) over the pixels, q the soft map and p the prediction.

    Args:
        logits: (B, C, H, W), at the map's size.
        soft: (B, C, H, W) q, which adds up to 1.
        weight: (B, H, W) factor of each pixel; the mean is 0 if all are 0.
    """
    each = -(soft * logits.float().log_softmax(1)).sum(1)
    return (each * weight).sum() / divisor(weight.sum(), torch.finfo(each.dtype).tiny)


def foreground_logit(logits: Tensor, how: Foreground = "sum") -> Tensor:
    """Log-odds of foreground against the first class, (B, H, W) from (B, C, H, W).

    A map of one channel says only how likely a pixel is foreground, which is the sum of all classes
    but the first. With two classes this is the difference of their logits.

    Args:
        logits: of all classes.
        how: ``sum`` of the classes but the first, or the ``largest`` of them, which must beat the
            first for the pixel to be segmented as foreground.
    """
    logits = logits.float()
    others = logits[:, 1:]
    return (others.logsumexp(1) if how == "sum" else others.amax(1)) - logits[:, 0]


def decided_cross_entropy(
    logits: Tensor, soft: Tensor, weight: Tensor, names_over: Over = "image"
) -> Tensor:
    """Cross-entropy of where and of what, in which a pixel is foreground by its largest class.

    Softmax divides the probability of foreground among its classes. A pixel that is foreground with
    0.7, and one of four materials with 0.3 each at most, is then segmented as background. Here the
    largest logit decides where (binary cross-entropy), and the softmax over the classes but the
    first decides what, as far as the map is foreground. With logsumexp in place of the largest, the
    sum of both is :func:`soft_cross_entropy` again.

    Args:
        logits: (B, C, H, W), at the map's size.
        soft: (B, C, H, W), which adds up to 1.
        weight: (B, H, W) factor of each pixel; the mean is 0 if all are 0.
        names_over: what the cross-entropy of what is averaged over: the ``image``, of which objects
            are a small share, or the ``foreground`` of the maps, so that what counts as much as
            where.
    """
    shown = 1 - soft[:, 0]
    where = F.binary_cross_entropy_with_logits(
        foreground_logit(logits, "largest"), shown, reduction="none"
    )
    what = -(soft[:, 1:] * logits[:, 1:].float().log_softmax(1)).sum(1)
    least = torch.finfo(where.dtype).tiny
    if names_over == "image":
        return ((where + what) * weight).sum() / divisor(weight.sum(), least)
    of_where = (where * weight).sum() / divisor(weight.sum(), least)
    return of_where + (what * weight).sum() / divisor((shown * weight).sum(), least)
