"""Lovász-softmax: the convex surrogate of one minus IoU (Berman et al., CVPR 2018).

Over the batch, and the mean over the classes that are present in the labels.
"""

from __future__ import annotations

from torch import Tensor

from dagen import losses
from dagen.criteria.base import Loss


class Lovasz(Loss):
    """Lovász-softmax."""

    paper = "Berman et al., CVPR 2018"

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """See :func:`dagen.losses.lovasz_softmax`."""
        return losses.lovasz_softmax(logits, label)
