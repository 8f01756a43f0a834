"""ProDA: pseudo-labels denoised by class prototypes (Zhang et al., CVPR 2021).

Each class has a prototype, the moving average of the teacher's target features of that class. The
teacher's probabilities are reweighted with how near a pixel's feature is to each prototype, ``w_c =
softmax(-|f - prototype_c| / (temperature m))`` with m the mean of all distances, and the student
learns the arg-max of ``w_c p_c`` by symmetric cross-entropy, ``alpha`` times the usual one plus
``beta`` times the reversed one, in which log 0 is log 1e-4 (Wang et al., ICCV 2019).

Deviations: distances are relative to their mean, because the paper's temperature of 1 belongs to
the scale of its own features: where distances are large the weights decide alone, and where they
are small they decide nothing. One online stage. p comes from the mean teacher of this step and not
from a network fixed before; prototypes move by 0.01 per step and not 1e-4, since they follow a
teacher that averages 100 steps and not a trained network; until ``start`` the student learns from
the source alone, in place of the adversarial warm-up. Left out: the consistency of strongly
augmented views (dacs or mic do that beside this part), the regulariser towards even predictions,
and the two rounds of distillation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dagen import collective
from dagen.collective import total
from dagen.losses import cross_entropy
from dagen.methods.base import Context, Method, Setting
from dagen.methods.mean_teacher import teacher_of
from dagen.methods.shared.pseudo import enlarge, started, top_class
from dagen.parameters import Fraction, NotNegative, Positive, Share
from dagen.types import Domain

_FLOOR = 1e-4


class ProDA(Method):
    """Self-training on pseudo-labels that agree with class prototypes."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            weight: factor of the loss (paper: 1).
            temperature: divisor of the distances to the prototypes, which are relative to their
                mean (paper: 1, of distances as they are).
            momentum: how far prototypes move per step (paper: 1e-4; see deviations).
            alpha: factor of cross-entropy (paper: 0.1).
            beta: factor of reversed cross-entropy (paper: 1).
            start: share of the run's steps before the first pseudo-label.
        """

        weight: NotNegative = 1.0
        temperature: Positive = 1.0
        momentum: Fraction = 0.01
        alpha: NotNegative = 0.1
        beta: NotNegative = 1.0
        start: Share = 0.25

    family = "self-training"
    paper = "Zhang et al., CVPR 2021"
    streams: ClassVar[frozenset[Domain]] = frozenset({"target"})
    requires = ("mean-teacher",)
    prototypes: Tensor
    known: Tensor

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        super().__init__(student, setting, config)
        count = setting.num_classes
        self.register_buffer("prototypes", torch.zeros(count, setting.feature_channels))
        self.register_buffer("known", torch.zeros(count, dtype=torch.bool))

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``main``, after ``start``; logs ``changed``, the share of relabelled pixels."""
        if not started(ctx, self.config.start):
            return {}
        features = teacher_of(ctx).output(ctx).features.float()
        probabilities = teacher_of(ctx).probabilities(ctx)
        self.move(features, probabilities)
        weights = enlarge(self.weights(features), probabilities)
        label = top_class(weights * probabilities)
        ctx.metrics["changed"] = (label != top_class(probabilities)).float().mean()
        teacher_of(ctx).agree(ctx, "proda", ctx.target_out.logits)
        logits = enlarge(ctx.target_out.logits, label)
        loss = self.config.alpha * cross_entropy(logits, label)
        loss = loss + self.config.beta * reversed_cross_entropy(logits, label)
        return {"main": self.config.weight * loss}

    @torch.no_grad()
    def move(self, features: Tensor, probabilities: Tensor) -> None:
        """Move prototypes towards the batch's class means; the first mean of a class is kept as is.

        Args:
            features: (B, D, h, w).
            probabilities: (B, C, H, W); their arg-max at the features' size gives the classes.
        """
        size = (features.shape[-2], features.shape[-1])
        predicted = F.adaptive_avg_pool2d(probabilities, size).argmax(1)
        member = F.one_hot(predicted, len(self.known)).float()
        count = total(member.sum((0, 1, 2)))
        with torch.autocast(features.device.type, enabled=False):  # in bfloat16 means are coarse
            summed = total(torch.einsum("bhwc,bdhw->cd", member, features))
        mean = summed / count.clamp(min=1)[:, None]
        pace = torch.where(self.known, self.config.momentum, 1.0) * (count > 0)
        self.prototypes.lerp_(mean, pace[:, None])
        self.known |= count > 0

    @torch.no_grad()
    def weights(self, features: Tensor) -> Tensor:
        """How near features (B, D, h, w) are to each class, (B, C, h, w); 0 for unseen classes."""
        rows = features.flatten(2).transpose(1, 2)
        distance = torch.cdist(rows, self.prototypes.expand(len(rows), -1, -1))
        # Every process has equally many pixels, so that the mean of their means is the mean.
        typical = collective.mean(distance[..., self.known].mean())
        distance = distance / typical.clamp(min=1e-6)
        distance = distance.masked_fill(~self.known, torch.inf)
        near: Tensor = (-distance / self.config.temperature).softmax(2)
        return near.transpose(1, 2).reshape(len(rows), -1, *features.shape[-2:])


def reversed_cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """Mean of -sum_c p_c log y_c, where y is the one-hot label and log 0 is log 1e-4.

    Args:
        logits: (B, C, H, W).
        label: (B, H, W), without ignored pixels.
    """
    right = logits.softmax(1).gather(1, label[:, None])
    return -torch.log(right.new_tensor(_FLOOR)) * (1 - right).mean()
