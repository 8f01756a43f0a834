"""Supervised training on the source: the baseline of every other part.

Alone it is the source-only baseline; with the target's data set as the source it is the oracle.
The reference of this task, Cascina et al. (arXiv:2310.19407), reports that focal plus Lovász
loss beats cross-entropy; both are here.

Auxiliary heads get the same loss, each with the weight that the network itself declares.
Deviation for ``class_weights="enet"``: the class shares are those of all labels seen so far and
not of a pass over the data set beforehand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from dagen.losses import cross_entropy, focal, lovasz_softmax
from dagen.methods.base import Context, Method, Setting
from dagen.parameters import NotNegative
from dagen.types import IGNORE, Domain

_Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]
_LOSSES: dict[str, _Loss] = {
    "cross-entropy": cross_entropy,
    "focal": lambda logits, label, weight: focal(logits, label, weight=weight),
    "focal+lovasz": lambda logits, label, weight: (
        focal(logits, label, weight=weight) + lovasz_softmax(logits, label)
    ),
}


class Supervised(Method):
    """Cross-entropy (or focal, Lovász) on the labelled source."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            weight: factor of all loss terms.
            loss: ``cross-entropy``, ``focal`` (gamma 2; Lin et al., ICCV 2017), or
                ``focal+lovasz`` (plus Lovász-softmax; Berman et al., CVPR 2018), their sum.
            class_weights: ``none``, or ``enet``: 1 / ln(1.02 + share of the class's pixels)
                (Paszke et al., 2016), between 1.4 and 50.5.
        """

        weight: NotNegative = 1.0
        loss: Literal["cross-entropy", "focal", "focal+lovasz"] = "cross-entropy"
        class_weights: Literal["none", "enet"] = "none"

    family = "baseline"
    paper = "Cascina et al., arXiv:2310.19407"
    streams: ClassVar[frozenset[Domain]] = frozenset({"source"})
    counts: Tensor

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        super().__init__(student, setting, config)
        self.aux_weights = tuple(getattr(student, "aux_weights", ()))
        zeros = torch.zeros(setting.num_classes, dtype=torch.int64)
        self.register_buffer("counts", zeros)  # labelled pixels of each class so far

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``main``, and ``aux0`` ... for the auxiliary heads."""
        out, label = ctx.source_out, _labels(ctx)
        weight = self._class_weights(label)
        loss = _LOSSES[self.config.loss]
        terms = {"main": self.config.weight * loss(out.logits, label, weight)}
        for i, (logits, share) in enumerate(zip(out.aux, self.aux_weights, strict=True)):
            terms[f"aux{i}"] = self.config.weight * share * loss(logits, label, weight)
        return terms

    def _class_weights(self, label: Tensor) -> Tensor | None:
        if self.config.class_weights == "none":
            return None
        self.counts += label[label != IGNORE].bincount(minlength=len(self.counts))
        shares = self.counts / self.counts.sum().clamp(min=1)
        return 1 / (1.02 + shares).log()


def _labels(ctx: Context) -> Tensor:
    if ctx.source.label is None:
        raise RuntimeError("supervised needs source labels; the loader gave none")
    return ctx.source.label
