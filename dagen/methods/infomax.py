"""InfoMax: predictions certain per pixel, balanced overall (in SHOT; Liang et al., ICML 2020).

``weight * (entropy + diversity * balance) / log C``, the first loss of SHOT. With
``prior="uniform"`` the balance is minus the entropy of the mean prediction, as in the paper.

Deviations: the default prior is the class shares of the source labels seen so far, the balance then
being KL(mean prediction || prior). Pixel classes are far from equally frequent (background is nine
tenths), and the paper's prior would ask for as much nylon as background. The paper freezes the
classifier and sees no source; here the loss is added to the supervised one. The paper's
pseudo-labels are not part of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from dagen.collective import total
from dagen.losses import information_maximisation
from dagen.methods.base import Context, Method, Setting
from dagen.parameters import NotNegative
from dagen.types import IGNORE, Domain


class InfoMax(Method):
    """Maximises the mutual information of target pixels and their predicted classes."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            weight: factor of the loss. The paper's 1 is for training without source labels; 0.1 is
                the weight of MaxSquare, whose range is similar (chosen here, not from a paper).
            diversity: weight of the balance relative to the entropy (paper: 1).
            prior: class shares that the mean prediction should have: ``source`` or ``uniform``.
        """

        weight: NotNegative = 0.1
        diversity: NotNegative = 1.0
        prior: Literal["source", "uniform"] = "source"

    family = "entropy"
    paper = "Liang et al., ICML 2020"
    streams: ClassVar[frozenset[Domain]] = frozenset({"source", "target"})
    counts: Tensor

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        super().__init__(student, setting, config)
        zeros = torch.zeros(setting.num_classes, dtype=torch.int64)
        self.register_buffer("counts", zeros)  # labelled source pixels of each class so far

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``main``."""
        loss = information_maximisation(
            ctx.target_out.logits.float().softmax(1), self._prior(ctx), self.config.diversity
        )
        return {"main": self.config.weight * loss}

    def _prior(self, ctx: Context) -> Tensor | None:
        if self.config.prior == "uniform":
            return None
        label = ctx.source.label
        if label is None:
            raise RuntimeError("infomax needs source labels; the loader gave none")
        self.counts += total(label[label != IGNORE].bincount(minlength=len(self.counts)))
        return self.counts / self.counts.sum().clamp(min=1)
