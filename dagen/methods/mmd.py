"""DAN: maximum mean discrepancy of features, several kernels (Long et al., ICML 2015).

``weight * MMD^2`` between the features that the classifier sees, with five Gaussian kernels whose
bandwidths lie around the mean pairwise distance; see :func:`dagen.losses.mmd`.

Deviations: the paper compares one vector per image in several layers, with kernel weights that
maximise the test power; here samples are positions of the last feature map, drawn anew in each
step because cost grows with their square, and the kernels have equal weights. The estimate is the
biased one over all pairs, where the paper's is unbiased and takes each sample once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from dagen.losses import mmd
from dagen.methods.base import Context, Method
from dagen.parameters import Count, NotNegative
from dagen.types import Domain


class Mmd(Method):
    """Aligns the distribution of features."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            weight: factor of the loss (the paper chooses it per task; 1 is chosen here).
            samples: positions of the feature map drawn from each domain in a step.
        """

        weight: NotNegative = 1.0
        samples: Count = 512

    family = "statistics"
    paper = "Long et al., ICML 2015"
    streams: ClassVar[frozenset[Domain]] = frozenset({"source", "target"})

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``main``."""
        draw = ctx.generator("mmd")
        source = self._draw(ctx.source_domain_out.features, draw)
        target = self._draw(ctx.target_out.features, draw)
        return {"main": self.config.weight * mmd(source, target)}

    def _draw(self, features: Tensor, draw: torch.Generator) -> Tensor:
        """At most ``samples`` rows (N, D) of (B, D, h, w)."""
        rows = features.movedim(1, -1).flatten(0, -2)
        chosen = torch.randperm(len(rows), generator=draw)[: self.config.samples]
        return rows[chosen.to(rows.device)]
