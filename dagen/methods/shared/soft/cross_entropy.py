"""Cross-entropy against soft maps."""

from __future__ import annotations

import torch
from torch import Tensor


def soft_cross_entropy(logits: Tensor, soft: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of -sum(q log p) over the pixels, q the soft map and p the prediction.

    Args:
        logits: (B, C, H, W), at the map's size.
        soft: (B, C, H, W) q, which adds up to 1.
        weight: (B, H, W) factor of each pixel; the mean is 0 if all are 0.
    """
    each = -(soft * logits.float().log_softmax(1)).sum(1)
    return (each * weight).sum() / weight.sum().clamp(min=torch.finfo(each.dtype).tiny)


def foreground_logit(logits: Tensor) -> Tensor:
    """Log-odds of foreground against the first class, (B, H, W) from (B, C, H, W).

    A map of one channel says only how likely a pixel is foreground, which is the sum of all classes
    but the first. With two classes this is the difference of their logits.
    """
    logits = logits.float()
    return logits[:, 1:].logsumexp(1) - logits[:, 0]
