"""Discriminators that tell the domains apart, their objectives and a monitor of their health."""

from __future__ import annotations

import logging
import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm as _spectral_norm

Objective = Literal["vanilla", "least-squares"]
CHANCE: dict[str, float] = {"vanilla": math.log(2), "least-squares": 0.25}
"""The discriminator's loss when it cannot tell the domains apart."""

log = logging.getLogger("dagen")


def patch_discriminator(
    channels: int, size: tuple[int, int], width: int = 64, *, spectral_norm: bool = False
) -> nn.Sequential:
    """Five convolutions, C-64-128-256-512-1, leaky ReLU 0.2 (Tsai et al., CVPR 2018).

    The first four are 4x4 with stride 2 as in the paper, until a side of the map is below four;
    from there on, and for the last one (4x4, stride 2 in the paper), 3x3 with stride 1, so that
    the small maps of tiny images survive.

    Args:
        channels: channels of the input maps.
        size: height and width of the input maps.
        width: channels of the first convolution (paper: 64).
        spectral_norm: bound each layer's Lipschitz constant (Miyato et al., ICLR 2018).
    """
    side, modules, before = min(size), list[nn.Module](), channels
    for after in (width, 2 * width, 4 * width, 8 * width):
        halve = side >= 4
        shape = (4, 2, 1) if halve else (3, 1, 1)
        modules += [nn.Conv2d(before, after, *shape), nn.LeakyReLU(0.2)]
        side, before = side // 2 if halve else side, after
    modules.append(nn.Conv2d(before, 1, 3, 1, 1))
    if spectral_norm:
        modules = [_spectral_norm(m) if isinstance(m, nn.Conv2d) else m for m in modules]
    return nn.Sequential(*modules)


def domain_loss(logits: Tensor, is_source: bool, objective: str) -> Tensor:
    """Loss of calling a map source or target, mean over its positions.

    Args:
        logits: raw output of the discriminator.
        is_source: the correct answer; the source is 1 and the target 0.
        objective: ``vanilla`` (binary cross-entropy; Goodfellow et al., 2014) or
            ``least-squares`` (Mao et al., ICCV 2017), both on the raw output; apply no sigmoid
            before.
    """
    truth = torch.full_like(logits, float(is_source), dtype=torch.float32)
    if objective == "least-squares":
        return F.mse_loss(logits.float(), truth)
    return F.binary_cross_entropy_with_logits(logits.float(), truth)


def accuracy(source: Tensor, target: Tensor, objective: str) -> Tensor:
    """Share of positions that a discriminator classifies correctly; each domain counts half."""
    border = 0.5 if objective == "least-squares" else 0.0
    right = (source.detach() > border).float().mean() + (target.detach() <= border).float().mean()
    return right / 2


class Health(nn.Module):
    """Counts the steps in a row at which a discriminator is at chance level or nearly always right.

    At chance level (0.693) the fooling loss carries no signal (AdaptSegNet issue 109); above
    99 % accuracy it saturates. Either one for ``PATIENCE`` steps in a row raises the alarm.

    Args:
        objective: the discriminator's objective.
        name: the discriminator's name in warnings.
    """

    PATIENCE = 100
    stalled: Tensor
    winning: Tensor

    def __init__(self, objective: str, name: str = "the discriminator") -> None:
        super().__init__()
        self.chance, self.name = CHANCE[objective], name
        self._warned: set[int] = set()
        self.register_buffer("stalled", torch.tensor(0))
        self.register_buffer("winning", torch.tensor(0))

    def watch(self, loss: Tensor, right: Tensor, step: int) -> dict[str, Tensor]:
        """Values to log: loss, accuracy, alarm (0 healthy, 1 stalled, 2 winning).

        Args:
            loss: the discriminator's loss, mean of both domains.
            right: its accuracy in [0, 1].
            step: index of the run's step; the alarm is checked every ``PATIENCE`` steps, and each
                kind of warning is logged once.
        """
        loss = loss.detach()
        # In place and without branching on values, so that nothing waits for the GPU.
        self.stalled += 1
        self.stalled *= (loss - self.chance).abs() < 0.01
        self.winning += 1
        self.winning *= right > 0.99
        winning = 2 * (self.winning >= self.PATIENCE)
        alarm = torch.where(self.stalled >= self.PATIENCE, 1, winning)
        if step % self.PATIENCE == self.PATIENCE - 1 and int(alarm) not in {0, *self._warned}:
            self._warned.add(int(alarm))
            log.warning(
                "step %d: %s %s for %d steps; %s.",
                step,
                self.name,
                "has been at chance level" if alarm == 1 else "has been right on 99 %",
                self.PATIENCE,
                "raise its learning_rate or change its inputs"
                if alarm == 1
                else "lower its learning_rate, or set spectral_norm=true",
            )
        return {
            "discriminator_loss": loss,
            "discriminator_accuracy": right,
            "discriminator_alarm": alarm,
        }
