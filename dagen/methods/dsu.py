"""DSU: domain shifts with uncertainty (Li et al., ICLR 2022).

After early stages, the channel means and deviations of each image are drawn from Gaussians whose
variances are those over the batch: ``b = m + e_m S_m``, ``g = s + e_s S_s`` with e from N(0, 1);
the next layer receives ``g (x - m) / s + b``. Only training passes over source images change; the
deployed network is the plain one.

Deviations: the stages are the network's own ``taps`` (in the paper: all stages of a ResNet). The
batch's variance is the biased one, as in the paper; the authors' code divides by B - 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

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
from dagen.parameters import Fraction, NotNegative
from dagen.types import Batch, Domain


class Dsu(Method):
    """Draws the style of early features from the spread over the batch."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            p: probability that a stage changes its features in a pass (paper: 0.5).
            strength: factor of both deviations (paper: 1).
        """

        p: Fraction = 0.5
        strength: NotNegative = 1.0

    family = "generalization"
    paper = "Li et al., ICLR 2022"
    streams: ClassVar[frozenset[Domain]] = frozenset({"source"})

    @classmethod
    def check(cls, config: Config, facts: RunFacts) -> None:
        """Refuse passes that show one source image."""
        check_source_images(facts, "dsu")

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        """See :class:`Method`.

        Raises:
            UsageError: the network names no early stages.
        """
        super().__init__(student, setting, config)
        self.taps = check_taps(student, "dsu")

    def transform(self, ctx: Context) -> Batch:
        """Leaves the images unchanged; this step's source passes draw styles."""
        draw = dice(ctx, "dsu")
        restyle_passes(ctx, self.taps, lambda x: self._shift(x, draw))
        return ctx.batch

    def _shift(self, x: Tensor, draw: Dice) -> Tensor:
        noise = draw.normal((2, x.shape[0], x.shape[1], 1, 1)) * self.config.strength
        if draw.numbers(1)[0] >= self.config.p:
            return x
        return shift_style(x, noise[0], noise[1])


def shift_style(x: Tensor, mean_noise: Tensor, deviation_noise: Tensor) -> Tensor:
    """Features with shifted statistics.

    Args:
        x: (B, D, h, w).
        mean_noise: (B, D, 1, 1), in standard deviations of the mean over the batch.
        deviation_noise: (B, D, 1, 1), in standard deviations of the deviation over the batch.
    """
    mean, deviation = moments(x)
    new_mean = mean + mean_noise * _over_batch(mean)
    new_deviation = deviation + deviation_noise * _over_batch(deviation)
    return ((x - mean) / deviation * new_deviation + new_mean).to(x.dtype)


def _over_batch(value: Tensor) -> Tensor:
    # The small number keeps the root's gradient finite where all images agree.
    return (value.var(0, keepdim=True, correction=0) + 1e-6).sqrt()
