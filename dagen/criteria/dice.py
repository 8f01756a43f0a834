"""Dice: one minus the soft Dice coefficient of each class (Milletari et al., 3DV 2016).

``1 - mean_c (2 sum(p t) + s) / (sum(p) + sum(t) + s)`` over the pixels of the batch that are not
ignored, and the classes that are present in the labels; ``s`` is ``smooth``.

Deviation: the denominator has no squares, as in most later work (Sudre et al., DLMIA 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from dagen import losses
from dagen.criteria.base import Loss
from dagen.parameters import NotNegative


class Dice(Loss):
    """Soft Dice, the mean over the classes."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            smooth: pixels added above and below; more makes small classes count less.
        """

        smooth: NotNegative = 0.0

    paper = "Milletari et al., 3DV 2016"

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """See :func:`dagen.losses.tversky`, with both mistakes alike."""
        return losses.tversky(logits, label, 0.5, 0.5, self.config.smooth / 2)
