"""DANN: domain-adversarial features by gradient reversal (Ganin et al., JMLR 2016).

A classifier tells the domains apart from the features that the segmentation head sees; its
gradient reaches the features with the factor ``-weight * lambda``, where
``lambda = 2 / (1 + exp(-10 q)) - 1`` and q is the run's progress from 0 to 1.

Deviations: the paper classifies one vector per image; here every position of the feature map is
classified, by 1x1 convolutions D-256-256-1. The paper's classifier shares the network's SGD;
here it has Adam with AdaptSegNet's constants. Least squares and spectral norm are options that
the paper does not have.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from dagen.methods._discriminator import Health, accuracy, domain_loss
from dagen.methods.base import Context, Domain, Method, Setting
from dagen.settings import Count, NotNegative, Positive


class Dann(Method):
    """Adversary on features."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            weight: factor of the reversed gradient. The paper's networks take 1; 0.1 is chosen
                here, because dense features carry the layout of the scene, which differs.
            objective: ``vanilla`` (the paper's) or ``least-squares``.
            learning_rate: of the classifier's Adam, betas 0.9 and 0.99.
            spectral_norm: whether the classifier's layers are normalised (paper: no).
            width: channels of the classifier's two hidden layers.
        """

        weight: NotNegative = 0.1
        objective: Literal["vanilla", "least-squares"] = "vanilla"
        learning_rate: Positive = 1e-4
        spectral_norm: bool = False
        width: Count = 256

    family = "adversarial"
    paper = "Ganin et al., JMLR 2016"
    streams: ClassVar[frozenset[Domain]] = frozenset({"source", "target"})

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        super().__init__(student, setting, config)
        bound = spectral_norm if config.spectral_norm else lambda layer: layer
        self.classifier = nn.Sequential(
            bound(nn.Conv2d(setting.feature_channels, config.width, 1)),
            nn.ReLU(),
            bound(nn.Conv2d(config.width, config.width, 1)),
            nn.ReLU(),
            bound(nn.Conv2d(config.width, 1, 1)),
        )
        self.health = Health(config.objective, "the domain classifier")
        self.optimizer = torch.optim.Adam(
            self.classifier.parameters(), lr=config.learning_rate, betas=(0.9, 0.99)
        )

    def optimizers(self) -> Iterable[torch.optim.Optimizer]:
        """The classifier's Adam."""
        return (self.optimizer,)

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``domain``: the classifier minimises it, and the features, reversed, maximise it."""
        progress = ctx.step / ctx.steps
        factor = self.config.weight * (2 / (1 + math.exp(-10 * progress)) - 1)
        on_source = self.classifier(_reverse(ctx.source_out.features, factor))
        on_target = self.classifier(_reverse(ctx.target_out.features, factor))
        loss = domain_loss(on_source, True, self.config.objective) / 2
        loss = loss + domain_loss(on_target, False, self.config.objective) / 2
        right = accuracy(on_source, on_target, self.config.objective)
        ctx.metrics.update(self.health.watch(loss, right, ctx.step))
        return {"domain": loss}


class _Reversal(torch.autograd.Function):
    """The identity, whose gradient is turned round."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * -ctx.factor, None


def _reverse(x: Tensor, factor: float) -> Tensor:
    reversed_: Tensor = _Reversal.apply(x, factor)
    return reversed_
