"""MinEnt: direct entropy minimisation on the target (Vu et al., CVPR 2019).

``weight * mean over pixels of -sum_c p_c log p_c / log C``, on the main head and, where the
network has them, on the auxiliary heads. Both weights are the paper's.

Deviations: the entropy is taken at the network's own stride, not on upsampled logits. The
paper's networks have one auxiliary head; here each one gets ``aux_weight``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from dagen.losses import entropy
from dagen.methods.base import Context, Method
from dagen.parameters import NotNegative
from dagen.types import Domain


class MinEnt(Method):
    """Makes target predictions certain."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            weight: factor of the main head's entropy (paper: 0.001).
            aux_weight: factor of each auxiliary head's entropy (paper: 0.0002).
        """

        weight: NotNegative = 0.001
        aux_weight: NotNegative = 0.0002

    family = "entropy"
    paper = "Vu et al., CVPR 2019"
    streams: ClassVar[frozenset[Domain]] = frozenset({"target"})

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``main``, and ``aux0`` ... for the auxiliary heads."""
        out = ctx.target_out
        terms = {"main": self.config.weight * entropy(out.logits.float().softmax(1))}
        for i, logits in enumerate(out.aux):
            terms[f"aux{i}"] = self.config.aux_weight * entropy(logits.float().softmax(1))
        return terms
