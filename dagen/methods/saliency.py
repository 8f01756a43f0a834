"""Saliency: the student learns the salient regions of unlabelled photographs as foreground.

A photograph of litter was taken because of the litter: it stands out from its surroundings, which
reach the edges of the frame (the boundary and connectivity priors of Wei et al., ECCV 2012).
``dagen.datasets.maps.salience`` computes a map of this, without learning; here the student learns
the map like a label: foreground above one threshold, background below another, ignored in between.
Training a network on the output of hand-made detectors follows Zhang et al. (ICCV 2017,
"Supervision by Fusion"): mistakes that differ between photographs average out, and what they have
in common is learnt.

The map has no materials. With several foreground classes the loss uses their sum:
``-log(1 - p[background])`` on foreground, which favours no class over another.

Salience depends on the whole photograph, and the student can hardly learn it from a part of it: use
this part with ``zoom = 1``.

Deviations from Wei et al.: the cues are those of ``dagen.datasets.maps.salience``, and thresholds
replace a ranking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from dagen.errors import UsageError
from dagen.losses import cross_entropy
from dagen.methods.base import Context, Method, RunFacts
from dagen.methods.shared.mixing import disturb
from dagen.parameters import Fraction, NotNegative
from dagen.types import IGNORE, Domain, Task


class Saliency(Method):
    """Learns the salient regions of target images."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            weight: factor of the loss.
            foreground: salience from which a pixel is foreground, in [0, 1].
            background: salience up to which a pixel is background, below ``foreground``.
            jitter: strength of the colour jitter, in [0, 0.5] (for hue: fraction of a circle).
        """

        weight: NotNegative = 1.0
        foreground: Fraction = 0.22
        background: Fraction = 0.12
        jitter: Annotated[float, Field(ge=0, le=0.5)] = 0.3

    family = "self-training"
    paper = "after Wei et al., ECCV 2012"
    streams: ClassVar[frozenset[Domain]] = frozenset({"target"})
    maps: ClassVar[frozenset[str]] = frozenset({"salience"})

    @classmethod
    def refuses(cls, task: Task) -> str | None:
        """See :meth:`Method.refuses`: a background is needed."""
        return None if task.background else "there is no background"

    @classmethod
    def check(cls, config: Config, facts: RunFacts) -> None:
        """Refuse thresholds in the wrong order."""
        if not config.background < config.foreground:
            raise UsageError(
                f"saliency.background is {config.background} and foreground {config.foreground}; "
                "background must be the smaller one, such as 0.12 and 0.22."
            )

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``main``; logs ``foreground``, the share of pixels labelled as foreground."""
        label = self.label(ctx)
        ctx.metrics["foreground"] = (label == 1).float().mean()
        image = disturb(ctx.target.image, ctx.generator("saliency"), jitter=self.config.jitter)
        logits = ctx.forward(image, "target").logits.float()
        both = torch.stack([logits[:, 0], logits[:, 1:].logsumexp(1)], 1)
        return {"main": self.config.weight * cross_entropy(both, label)}

    def label(self, ctx: Context) -> Tensor:
        """(B, H, W) int64: 1 where salience is high, 0 where it is low, else ignored."""
        shown = ctx.target.maps["salience"]
        label = torch.full(shown.shape, IGNORE, device=shown.device)
        label.masked_fill_(shown <= self.config.background, 0)
        return label.masked_fill_(shown >= self.config.foreground, 1)
