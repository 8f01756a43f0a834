"""Saliency: unlabelled photographs say where their subject is, and the student learns it.

A photograph of litter was taken because of the litter: it stands out from what surrounds it, and
what surrounds it reaches the edges of the frame (the boundary and connectivity priors of Wei et
al., ECCV 2012). ``dagen.datasets.maps.salience`` turns that into a map, without learning; here the
student learns the map as if it were a label: foreground from one threshold on, background up to
another, nothing in between. Training a network on the answers of hand-made detectors follows Zhang
et al. (ICCV 2017, "Supervision by Fusion"): mistakes that differ from one photograph to the next
average out, what photographs have in common is learnt.

The map does not know materials. With several foreground classes the loss is that of their sum:
``-log(1 - p[background])`` on foreground, which moves no class at the cost of another.

What stands out depends on the whole photograph, and an answer that has to be found in a part of
it is hardly learnt: use this part with ``zoom = 1``.

Deviations from Wei et al.: the cues are those of ``dagen.datasets.maps.salience``, and there are
thresholds in place of a ranking.
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
from dagen.types import IGNORE, Domain


class Saliency(Method):
    """Learns what stands out in target photographs."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            weight: factor of the loss.
            foreground: salience from which a pixel is foreground, in [0, 1].
            background: salience up to which it is background, below ``foreground``.
            jitter: strength of the images' colour jitter, in [0, 0.5] (hue in parts of a circle).
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
    def check(cls, config: Config, facts: RunFacts) -> None:
        """Refuse thresholds in the wrong order."""
        if not config.background < config.foreground:
            raise UsageError(
                f"saliency.background is {config.background} and foreground {config.foreground}; "
                "background must be the smaller one, such as 0.12 and 0.22."
            )

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``main``; logs ``foreground``, the share of pixels that are taken for it."""
        label = self.label(ctx)
        ctx.metrics["foreground"] = (label == 1).float().mean()
        image = disturb(ctx.target.image, ctx.generator("saliency"), jitter=self.config.jitter)
        logits = ctx.forward(image, "target").logits.float()
        both = torch.stack([logits[:, 0], logits[:, 1:].logsumexp(1)], 1)
        return {"main": self.config.weight * cross_entropy(both, label)}

    def label(self, ctx: Context) -> Tensor:
        """(B, H, W) int64: 1 where something stands out, 0 where nothing does, else ignored."""
        shown = ctx.target.maps["salience"]
        label = torch.full(shown.shape, IGNORE, device=shown.device)
        label.masked_fill_(shown <= self.config.background, 0)
        return label.masked_fill_(shown >= self.config.foreground, 1)
