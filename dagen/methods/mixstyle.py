"""MixStyle: mixed feature statistics as new domains (Zhou et al., ICLR 2021).

After early stages, the channel means and deviations of two images of the batch are mixed,
``m = l m(x) + (1 - l) m(x')`` and the same for s, with l from Beta(alpha, alpha), and the next
layer receives ``s (x - m(x)) / s(x) + m``. No gradient flows through the statistics, as in the
paper. Only training passes over source images change; the deployed network is the plain one.

Deviation: the stages are the network's own ``taps`` (in the paper: the first two or three residual
stages of a ResNet).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from dagen.methods.base import Context, Method, RunFacts, Setting
from dagen.methods.shared.style import (
    Dice,
    check_source_images,
    check_taps,
    dice,
    moments,
    restyle_passes,
)
from dagen.parameters import Fraction, Positive
from dagen.types import Batch, Domain


class MixStyle(Method):
    """Mixes the style of early features between the images of a batch."""

    @dataclass(frozen=True)
    class Config:
        """Parameters, their defaults the paper's.

        Attributes:
            p: probability that a stage mixes in a pass.
            alpha: parameter of the Beta distribution; below 1 most weights are near 0 or 1.
        """

        p: Fraction = 0.5
        alpha: Positive = 0.1

    family = "generalization"
    paper = "Zhou et al., ICLR 2021"
    streams: ClassVar[frozenset[Domain]] = frozenset({"source"})

    @classmethod
    def check(cls, config: Config, facts: RunFacts) -> None:
        """Refuse passes that show one source image."""
        check_source_images(facts, "mixstyle")

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        """See :class:`Method`.

        Raises:
            UsageError: the network names no early stages.
        """
        super().__init__(student, setting, config)
        self.taps = check_taps(student, "mixstyle")

    def transform(self, ctx: Context) -> Batch:
        """Leaves the images unchanged; this step's source passes mix styles."""
        draw = dice(ctx, "mixstyle")
        restyle_passes(ctx, self.taps, lambda x: self._mix(x, draw))
        return ctx.batch

    def _mix(self, x: Tensor, draw: Dice) -> Tensor:
        order = draw.order(len(x))
        share = draw.beta((len(x), 1, 1, 1), self.config.alpha)
        if draw.numbers(1)[0] >= self.config.p:
            return x
        return mix_style(x, order, share)


def mix_style(x: Tensor, order: Tensor, share: Tensor) -> Tensor:
    """Features with statistics between their own and those of ``x[order]``.

    Args:
        x: (B, D, h, w).
        order: (B,) int64, index of each image's partner.
        share: (B, 1, 1, 1) in [0, 1], weight of an image's own statistics.
    """
    mean, deviation = (value.detach() for value in moments(x))
    new_mean = torch.lerp(mean[order], mean, share)
    new_deviation = torch.lerp(deviation[order], deviation, share)
    return ((x - mean) / deviation * new_deviation + new_mean).to(x.dtype)
