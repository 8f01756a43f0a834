"""Cross-entropy against soft maps."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def soft_cross_entropy(logits: Tensor, soft: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean of -sum(q log p) over the pixels, q the soft map and p the prediction.

    A one-channel map says only how likely a pixel is foreground. Foreground then is the sum of all
    classes but the first: binary cross-entropy of ``logsumexp(logits[1:]) - logits[0]``, which with
    two classes is the difference of the two logits.

    Args:
        logits: (B, C, H, W), at the map's size.
        soft: (B, H, W), or (B, C, H, W) that adds up to 1; in [0, 1].
        weight: (B, H, W) factor of each pixel; the mean is a weighted mean, 0 if all are 0.
    """
    logits = logits.float()
    if soft.ndim == 3:
        each = F.binary_cross_entropy_with_logits(foreground_logit(logits), soft, reduction="none")
    else:
        each = -(soft * logits.log_softmax(1)).sum(1)
    if weight is None:
        return each.mean()
    return (each * weight).sum() / weight.sum().clamp(min=torch.finfo(each.dtype).tiny)


def foreground_logit(logits: Tensor) -> Tensor:
    """Log-odds of foreground against the first class, (B, H, W) from (B, C, H, W)."""
    return logits[:, 1:].logsumexp(1) - logits[:, 0]
