"""MaxSquare: maximum squares loss on the target (Chen et al., ICCV 2019).

``weight * mean of -p^2 / 2``. Its gradient grows linearly with p, whereas that of the entropy is
dominated by pixels that are already certain. With ``image_weighted`` rare predicted classes count
more (the paper's IW variant). See :func:`dagen.losses.max_square` for the normalisation.

Deviations: the image-wise weighting is on by default, because litter covers a few per cent of a
photograph; the multi-level guidance of auxiliary heads is left out; the paper starts from a
source checkpoint (``--init`` does that), here it may run beside the supervised loss from step 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from dagen.losses import max_square
from dagen.methods.base import Context, Method
from dagen.parameters import Fraction, NotNegative
from dagen.types import Domain


class MaxSquare(Method):
    """Makes target predictions certain without neglecting the uncertain ones."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            weight: factor of the loss (paper: 0.1).
            image_weighted: whether pixels of rare predicted classes count more (paper: IW).
            alpha: strength of that weighting, from 0 (none) to 1 (equal classes) (paper: 0.2).
        """

        weight: NotNegative = 0.1
        image_weighted: bool = True
        alpha: Fraction = 0.2

    family = "entropy"
    paper = "Chen et al., ICCV 2019"
    streams: ClassVar[frozenset[Domain]] = frozenset({"target"})

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``main``."""
        loss = max_square(
            ctx.target_out.logits.float().softmax(1),
            image_weighted=self.config.image_weighted,
            alpha=self.config.alpha,
        )
        return {"main": self.config.weight * loss}
