"""Deep CORAL: the same feature covariance in both domains (Sun & Saenko, ECCV workshops 2016).

``weight * |C_source - C_target|_F^2 / (4 d^2)``, C being the covariance of the features
that the classifier sees.

Deviation: the paper compares one vector per image; here every position of the feature map is a
sample, as segmentation classifies each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from dagen.losses import coral
from dagen.methods.base import Context, Method
from dagen.parameters import NotNegative
from dagen.types import Domain


class Coral(Method):
    """Aligns second-order statistics of features."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            weight: factor of the loss. The paper raises it until both losses are about equal at the
                end of training; 1 is DomainBed's default.
        """

        weight: NotNegative = 1.0

    family = "statistics"
    paper = "Sun & Saenko, ECCV workshops 2016"
    streams: ClassVar[frozenset[Domain]] = frozenset({"source", "target"})

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``main``."""
        source = _positions(ctx.source_domain_out.features)
        target = _positions(ctx.target_out.features)
        return {"main": self.config.weight * coral(source, target)}


def _positions(features: Tensor) -> Tensor:
    """(B * h * w, D) from (B, D, h, w)."""
    return features.movedim(1, -1).flatten(0, -2)
