"""Cross-entropy: the mean of ``-log p[label]`` over the pixels that are not ignored."""

from __future__ import annotations

from torch import Tensor

from dagen import losses
from dagen.criteria.base import Loss


class CrossEntropy(Loss):
    """Cross-entropy, the default."""

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """See :func:`dagen.losses.cross_entropy`."""
        return losses.cross_entropy(logits, label)
