"""Focal loss: ``-(1 - p)^gamma log p``, less for pixels that are right already (Lin et al., 2017).

The mean over the pixels that are not ignored. ``weights`` is the paper's alpha: a factor of each
class's pixels, which leaves the divisor the number of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from dagen import losses
from dagen.criteria._weights import ClassWeights, Weights
from dagen.criteria.base import Loss
from dagen.parameters import NotNegative


class Focal(Loss):
    """Focal loss on the softmax."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            gamma: 0 is cross-entropy; the paper's best is 2.
            weights: ``none``, ``enet``, ``inverse`` (see the loss ``weighted``), or a list of one
                number for each class, the background first.
        """

        gamma: NotNegative = 2.0
        weights: Literal["none"] | Weights = "none"

    paper = "Lin et al., ICCV 2017"

    def __init__(self, num_classes: int, config: Config) -> None:
        super().__init__(num_classes, config)
        self.weights = (
            None
            if config.weights == "none"
            else ClassWeights(config.weights, num_classes, "loss.focal")
        )

    def observe(self, label: Tensor) -> None:
        """Count the classes, if they are weighted by their shares."""
        if self.weights is not None:
            self.weights.observe(label)

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """See :func:`dagen.losses.focal`."""
        weight = None if self.weights is None else self.weights()
        return losses.focal(logits, label, self.config.gamma, weight)
