"""The base of AdaptSegNet and ADVENT: discriminators on output maps and their losses.

A step has one sum of losses and one backward pass: the discriminator is frozen in the fooling loss
and the segmenter's maps are detached in the discriminator's. This is exactly the authors' order
(fool, then discriminate, then step both), because neither optimiser steps before the end of the
iteration.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dagen.methods.base import Context, Method, Setting
from dagen.methods.shared.discriminator import Health, accuracy, domain_loss, patch_discriminator
from dagen.ops import frozen
from dagen.parameters import Count, NotNegative, Positive, Steps
from dagen.types import Domain, SegOut


class OutputAdversarial(Method):
    """Trains the segmenter so that a discriminator takes target outputs for source outputs."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            weight: factor of the main head's fooling loss (paper: 0.001; 0.01 for least squares).
            aux_weight: factor of each auxiliary head's fooling loss (paper: 0.0002); 0 is the
                single-level variant, without discriminators for these heads.
            objective: ``vanilla`` or ``least-squares`` (an option of AdaptSegNet's code).
            learning_rate: learning rate of the discriminators' Adam, betas 0.9 and 0.99 (paper:
                1e-4).
            ramp: steps over which the fooling weights grow from 0, linearly; 0 is the paper's.
            spectral_norm: whether the discriminator's layers are normalised (paper: no).
            stride: input pixels per side of a cell of the discriminator's input (paper: 1; see
                the deviations).
            width: channels of the discriminator's first convolution (paper: 64).
        """

        weight: NotNegative = 0.001
        aux_weight: NotNegative = 0.0002
        objective: Literal["vanilla", "least-squares"] = "vanilla"
        learning_rate: Positive = 1e-4
        ramp: Steps = 0
        spectral_norm: bool = False
        stride: Count = 4
        width: Count = 64

    family = "adversarial"
    streams: ClassVar[frozenset[Domain]] = frozenset({"source", "target"})

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        """One discriminator for the main head and, multi-level, one for each auxiliary head."""
        super().__init__(student, setting, config)
        self.weights = [config.weight]
        if config.aux_weight:
            self.weights += [config.aux_weight] * len(getattr(student, "aux_weights", ()))
        stride = max(config.stride, setting.stride)
        self.size = (max(1, setting.size[0] // stride), max(1, setting.size[1] // stride))
        self.discriminators = nn.ModuleList(
            patch_discriminator(
                setting.num_classes, self.size, config.width, spectral_norm=config.spectral_norm
            )
            for _ in self.weights
        )
        names = ["the discriminator of the main head"]
        names += [f"the discriminator of auxiliary head {i}" for i in range(len(self.weights) - 1)]
        self.health = nn.ModuleList(Health(config.objective, name) for name in names)
        self.optimizer = torch.optim.Adam(
            self.discriminators.parameters(), lr=config.learning_rate, betas=(0.9, 0.99)
        )

    def optimizers(self) -> Iterable[torch.optim.Optimizer]:
        """One Adam for all discriminators."""
        return (self.optimizer,)

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``fool`` and ``discriminate``; with auxiliary heads also ``fool_aux0`` and so on."""
        terms: dict[str, Tensor] = {}
        ramp = min(1.0, (ctx.step + 1) / max(1, self.config.ramp))
        levels = list(zip(_heads(ctx.source_domain_out), _heads(ctx.target_out), strict=True))
        for i, (source, target) in enumerate(levels[: len(self.weights)]):
            level = "" if i == 0 else f"_aux{i - 1}"
            discriminator = self.discriminators[i]
            theirs, ours = self._map(source).detach(), self._map(target)
            with frozen(discriminator):
                fooled = domain_loss(discriminator(ours), True, self.config.objective)
            on_source, on_target = discriminator(theirs), discriminator(ours.detach())
            told = domain_loss(on_source, True, self.config.objective) / 2
            told = told + domain_loss(on_target, False, self.config.objective) / 2
            terms[f"fool{level}"] = ramp * self.weights[i] * fooled
            terms[f"discriminate{level}"] = told
            right = accuracy(on_source, on_target, self.config.objective)
            health = self.health[i]
            assert isinstance(health, Health)
            figures = health.watch(told, right, ctx.step)
            ctx.metrics.update({f"{name}{level}": value for name, value in figures.items()})
        return terms

    def represent(self, p: Tensor) -> Tensor:
        """The discriminator's input, from class probabilities (B, C, h, w)."""
        raise NotImplementedError

    def _map(self, logits: Tensor) -> Tensor:
        """The discriminator's input, at its own size.

        Finer maps are averaged down to its cells; coarser logits (of auxiliary heads) are
        enlarged to them, as the papers enlarge all logits to the input.
        """
        logits = logits.float()
        if logits.shape[-2] < self.size[0] or logits.shape[-1] < self.size[1]:
            logits = F.interpolate(logits, self.size, mode="bilinear", align_corners=False)
        seen = self.represent(logits.softmax(1))
        factor = max(1, seen.shape[-2] // self.size[0])
        return F.avg_pool2d(seen, factor) if factor > 1 else seen


def _heads(out: SegOut) -> tuple[Tensor, ...]:
    return (out.logits, *out.aux)
