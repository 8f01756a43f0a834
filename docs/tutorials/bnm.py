"""BNM: the largest nuclear norm of the target's predictions (Cui et al., CVPR 2020).

The loss is ``-weight * |P|_* / n``. P is a matrix of n sampled pixels by C class probabilities. Its
nuclear norm is large if predictions are confident (a large Frobenius norm) and all classes are in
use (a high rank).

Deviation: a row of P is a pixel, sampled again in each step. In the paper it is an image.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from dagen.methods.base import Context, Method
from dagen.parameters import NotNegative
from dagen.types import Domain


class BatchNuclearNorm(Method):
    """Confident and diverse predictions through one norm."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            weight: factor of the loss.
            samples: number of pixels sampled from each batch.
        """

        weight: NotNegative = 0.1
        samples: int = 1024

    family = "entropy"
    paper = "Cui et al., CVPR 2020"
    streams: ClassVar[frozenset[Domain]] = frozenset({"target"})

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``norm``, the negative nuclear norm per pixel."""
        p = ctx.target_out.logits.float().softmax(1)
        pixels = p.movedim(1, -1).flatten(0, -2)
        order = torch.randperm(len(pixels), generator=ctx.generator("bnm"))
        rows = pixels[order[: self.config.samples].to(pixels.device)]
        norm = torch.linalg.matrix_norm(rows, "nuc") / len(rows)
        ctx.metrics["norm"] = norm
        return {"norm": -self.config.weight * norm}
