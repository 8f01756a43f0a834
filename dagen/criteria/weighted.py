"""Weighted cross-entropy: rare classes count more (Paszke et al., 2016).

A weighted mean: ``sum(w[label] * -log p[label]) / sum(w[label])`` over the pixels that are not
ignored. With ``enet`` the weights are ``1 / ln(1.02 + share)`` with the class's share of all
pixels, from 1.4 to 50.5; with ``inverse`` they are ``1 / (C share)``.

Deviation: the shares are those of all labels seen so far and not of a pass over the data set
beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from dagen import losses
from dagen.criteria._weights import ClassWeights, Weights
from dagen.criteria.base import Loss


class Weighted(Loss):
    """Cross-entropy with a weight for each class."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            weights: ``enet``, ``inverse``, or a list of one number for each class, the background
                first.
            constant: ``c`` of ENet's ``1 / ln(c + share)`` (the paper: 1.02).
        """

        weights: Weights = "enet"
        constant: Annotated[float, Field(gt=1, le=1000)] = 1.02

    paper = "Paszke et al., 2016"

    def __init__(self, num_classes: int, config: Config) -> None:
        super().__init__(num_classes, config)
        self.weights = ClassWeights(config.weights, num_classes, "loss.weighted", config.constant)

    def observe(self, label: Tensor) -> None:
        """Count the classes."""
        self.weights.observe(label)

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """See :func:`dagen.losses.cross_entropy`."""
        return losses.cross_entropy(logits, label, self.weights())
