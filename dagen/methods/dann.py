"""DANN: domain-adversarial features by gradient reversal (Ganin et al., JMLR 2016).

A classifier tells the domains apart from the features that the segmentation head sees; its
gradient reaches the features with the factor ``-weight * lambda``, where
``lambda = 2 / (1 + exp(-10 q)) - 1`` and q is the run's progress from 0 to 1.

With ``aux_weight`` above 0 every auxiliary head of the network gets a classifier of its own:
the multi-level variant, after AdaptSegNet's (Tsai et al., CVPR 2018). It reads the head's class
scores, through which its gradient reaches the earlier stage that feeds the head.

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

from dagen.methods.base import Context, Method, Setting
from dagen.methods.shared.discriminator import Health, accuracy, domain_loss
from dagen.parameters import Count, NotNegative, Positive
from dagen.types import Domain


class Dann(Method):
    """Adversary on features."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            weight: factor of the reversed gradient. The paper's networks use 1; 0.1 is chosen here,
                because dense features carry the scene's layout, which differs between the domains.
            aux_weight: the same for each auxiliary head; 0 is the single-level variant.
            objective: ``vanilla`` (the paper's) or ``least-squares``.
            learning_rate: learning rate of the classifier's Adam (betas 0.9 and 0.99).
            spectral_norm: whether the classifier's layers are normalised (paper: no).
            width: channels of the classifier's two hidden layers.
        """

        weight: NotNegative = 0.1
        aux_weight: NotNegative = 0.0
        objective: Literal["vanilla", "least-squares"] = "vanilla"
        learning_rate: Positive = 1e-4
        spectral_norm: bool = False
        width: Count = 256

    family = "adversarial"
    paper = "Ganin et al., JMLR 2016"
    streams: ClassVar[frozenset[Domain]] = frozenset({"source", "target"})

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        super().__init__(student, setting, config)
        self.classifier = self._classifier(setting.feature_channels)
        heads = len(getattr(student, "aux_weights", ())) if config.aux_weight else 0
        self.early = nn.ModuleList(self._classifier(setting.num_classes) for _ in range(heads))
        names = ["the domain classifier"]
        names += [f"the domain classifier of auxiliary head {i}" for i in range(heads)]
        self.health = nn.ModuleList(Health(config.objective, name) for name in names)
        self.optimizer = torch.optim.Adam(
            [*self.classifier.parameters(), *self.early.parameters()],
            lr=config.learning_rate,
            betas=(0.9, 0.99),
        )

    def _classifier(self, channels: int) -> nn.Sequential:
        width = self.config.width
        bound = spectral_norm if self.config.spectral_norm else lambda layer: layer
        return nn.Sequential(
            bound(nn.Conv2d(channels, width, 1)),
            nn.ReLU(),
            bound(nn.Conv2d(width, width, 1)),
            nn.ReLU(),
            bound(nn.Conv2d(width, 1, 1)),
        )

    def optimizers(self) -> Iterable[torch.optim.Optimizer]:
        """The classifier's Adam."""
        return (self.optimizer,)

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``domain``: the classifier minimises it; the features maximise it (reversed gradient).

        ``domain0`` ... are the same for the auxiliary heads.
        """
        ramp = 2 / (1 + math.exp(-10 * ctx.step / ctx.steps)) - 1
        source, target = ctx.source_domain_out, ctx.target_out
        levels: list[tuple[nn.Module, Tensor, Tensor, float]]
        levels = [(self.classifier, source.features, target.features, self.config.weight)]
        for i, judge in enumerate(self.early):
            levels.append((judge, source.aux[i], target.aux[i], self.config.aux_weight))
        terms: dict[str, Tensor] = {}
        for i, (judge, ours, theirs, weight) in enumerate(levels):
            loss, right = self._game(judge, ours, theirs, weight * ramp)
            terms["domain" if i == 0 else f"domain{i - 1}"] = loss
            health = self.health[i]
            assert isinstance(health, Health)
            level = "" if i == 0 else f"_aux{i - 1}"
            figures = health.watch(loss, right, ctx.step)
            ctx.metrics.update({f"{name}{level}": value for name, value in figures.items()})
        return terms

    def _game(
        self, judge: nn.Module, source: Tensor, target: Tensor, factor: float
    ) -> tuple[Tensor, Tensor]:
        """The classifier's loss, whose gradient to both maps is reversed, and its accuracy."""
        on_source, on_target = judge(_reverse(source, factor)), judge(_reverse(target, factor))
        loss = domain_loss(on_source, True, self.config.objective) / 2
        loss = loss + domain_loss(on_target, False, self.config.objective) / 2
        return loss, accuracy(on_source, on_target, self.config.objective)


class _Reversal(torch.autograd.Function):
    """The identity; its gradient is reversed and scaled."""

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
