"""EATA: entropy minimisation on selected samples, close to the source (Niu et al., ICML 2022).

A pixel of entropy E counts if it is confident, ``E < E0 = 0.4 log C``, and new: the cosine between
its prediction and the moving average of earlier counted predictions is below a threshold. Its
weight is ``exp(E0 - E)``. The loss is the weighted mean entropy of these pixels plus
``fisher * sum_i F_i (theta_i - theta_i^0)^2`` over scale and shift of the batch-norm layers. Each
batch is predicted first and then gives one step.

Deviations: a sample is a pixel, not an image, because the mean predictions of litter images hardly
differ. The second criterion then also balances the classes: as long as only the ground has counted,
litter is new. The threshold grows with fewer classes, as ``similarity / sqrt(C)``. Whatever the
average is, its cosine with the rarest class is at most 1 / sqrt(C): above that a class can always
come back, and below it an even average, from which all classes are equally far, ends the adaptation
for good. The authors' 0.4 for ten classes is 1.265 times this bound; two classes get 0.89, so that
a class stops counting where it has two thirds of the average. The paper estimates the Fisher
information on 2,000 source images by the network's own hard labels, before adapting; here there is
no source, so it is estimated by the same formula on the first ``fisher_steps`` batches of the
stream, while adaptation begins. If no pixel counts, the step uses the regulariser alone; the
authors skip the step. For batch norm and the learning rate see TENT.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from dagen.methods.base import Context, Setting
from dagen.methods.shared.online import PRIOR, Online, Rate, affine_parameters
from dagen.parameters import Fraction, NotNegative, Steps


class Eata(Online):
    """TENT on confident and new pixels; important weights are kept near the checkpoint's."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            lr: learning rate of SGD with momentum 0.9 (paper: 2.5e-4); ``stream``: by the stream's
                length.
            prior: number of images that the checkpoint's batch-norm statistics count as (paper: 0).
            passes: passes over the target's unlabelled training images before the stream.
            margin: largest entropy of a pixel that counts, relative to log C (paper: 0.4).
            similarity: largest cosine with earlier counted predictions, as a multiple of
                1 / sqrt(C) and above 1 (authors: 1.265 for 10 classes, 1.58 for 1000).
            momentum: how far the average of predictions moves per step (paper: 0.1).
            fisher: factor of the regulariser (authors: 2000 on ImageNet).
            fisher_steps: batches that the Fisher information is estimated on (paper: 2,000
                source images).
        """

        lr: Rate = "stream"
        prior: NotNegative = PRIOR
        passes: Steps = 0
        margin: Fraction = 0.4
        similarity: Annotated[float, Field(gt=1)] = 1.265
        momentum: Fraction = 0.1
        fisher: NotNegative = 2000.0
        fisher_steps: Steps = 32

    paper = "Niu et al., ICML 2022"
    average: Tensor
    known: Tensor
    start: Tensor
    information: Tensor
    estimates: Tensor

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        self._trained: list[nn.Parameter]
        trained = affine_parameters(student)
        super().__init__(student, setting, config, trained)
        self._trained = trained  # a plain list: the student registers them
        start = _flat(trained)
        self.register_buffer("average", torch.zeros(setting.num_classes))
        self.register_buffer("known", torch.tensor(False))
        self.register_buffer("start", start)
        self.register_buffer("information", torch.zeros_like(start))
        self.register_buffer("estimates", torch.tensor(0))

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``main`` and ``fisher``; logs ``chosen``, the share of pixels that count."""
        logits = ctx.target_out.logits.float()
        if ctx.step < self.config.fisher_steps:
            self._estimate(logits)
        p, log_p = logits.softmax(1), logits.log_softmax(1)
        entropy = -(p * log_p).sum(1)
        chosen = self.choose(p.detach(), entropy.detach())
        ctx.metrics["chosen"] = chosen.float().mean()
        weight = (self._margin - entropy.detach()).exp() * chosen
        moved = (torch.cat([x.flatten() for x in self._trained]) - self.start).square()
        return {
            "main": (weight * entropy).sum() / chosen.sum().clamp(min=1),
            "fisher": self.config.fisher * (self.information * moved).sum(),
        }

    def choose(self, p: Tensor, entropy: Tensor) -> Tensor:
        """Which pixels count, (B, h, w) bool; updates the moving average with them.

        Args:
            p: (B, C, h, w) without gradient.
            entropy: (B, h, w) in nats.
        """
        chosen = entropy < self._margin
        if self.known:
            cosine = F.cosine_similarity(p, self.average[:, None, None], dim=1)
            chosen &= cosine < self.config.similarity / math.sqrt(len(self.average))
        if chosen.any():
            mean = p.movedim(1, -1)[chosen].mean(0)
            share = self.config.momentum if self.known else 1.0
            self.average.lerp_(mean, share)
            self.known.fill_(True)
        return chosen

    @property
    def _margin(self) -> float:
        return float(self.config.margin * math.log(self.setting.num_classes))

    def _estimate(self, logits: Tensor) -> None:
        """Add a batch to the Fisher information: the squared gradient of the log-likelihood."""
        own = F.cross_entropy(logits, logits.argmax(1))
        gradients = torch.autograd.grad(
            own, self._trained, retain_graph=True, materialize_grads=True
        )
        self.estimates += 1
        self.information.lerp_(_flat(gradients).square(), 1 / int(self.estimates))


def _flat(tensors: list[nn.Parameter] | tuple[Tensor, ...]) -> Tensor:
    return torch.cat([tensor.detach().flatten() for tensor in tensors])
