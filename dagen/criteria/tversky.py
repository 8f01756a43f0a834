"""Tversky: Dice with a weight for each kind of mistake (Salehi et al., MLMI 2017).

``1 - mean_c (TP + s) / (TP + alpha FP + beta FN + s)`` with soft counts over the pixels of the
batch that are not ignored, and the classes that are present in the labels.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from dagen import losses
from dagen.criteria.base import Loss
from dagen.errors import UsageError
from dagen.parameters import NotNegative


class Tversky(Loss):
    """Tversky index, the mean over the classes."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            alpha: weight of false positives (the paper's best: 0.3).
            beta: weight of false negatives (the paper's best: 0.7); 0.5 and 0.5 is Dice.
            smooth: pixels added above and below.
        """

        alpha: NotNegative = 0.3
        beta: NotNegative = 0.7
        smooth: NotNegative = 0.0

    paper = "Salehi et al., MLMI 2017"

    def __init__(self, num_classes: int, config: Config) -> None:
        super().__init__(num_classes, config)
        if not config.alpha and not config.beta:
            raise UsageError(
                "loss.tversky.alpha and loss.tversky.beta are both 0, so no mistake costs "
                "anything; give one of them a number above 0."
            )

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """See :func:`dagen.losses.tversky`."""
        own = self.config
        return losses.tversky(logits, label, own.alpha, own.beta, own.smooth)
