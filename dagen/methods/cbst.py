"""CBST: class-balanced self-training (Zou et al., ECCV 2018).

A pixel's pseudo-label is the class whose probability is largest relative to the class's own
threshold; it counts only if that probability reaches the threshold: ``argmax_c p_c / t_c`` where
``p_c / t_c >= 1``. The threshold keeps the most confident share ``p`` of the pixels predicted as
the class, so that rare classes with low confidence are not starved; ``p`` grows from 0.2 to 0.5.
The student learns the kept pixels by cross-entropy.

Deviations: online and not in rounds. The pseudo-labels come from the mean teacher at this step, not
from the network at the end of the previous round; the thresholds are quantiles over the last
``memory`` confidences of each class and not over the whole target set; ``p`` grows linearly from
``start`` to the end instead of by 0.05 per round. Until ``start`` the student learns from the
source alone, in place of the paper's trained initial network. There is no spatial prior (belts do
not show where litter lies on the ground) and no mining of rare-class patches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from dagen.losses import cross_entropy
from dagen.methods.base import Context, Method, Setting
from dagen.methods.mean_teacher import teacher_of
from dagen.methods.shared.memory import Rings, balanced
from dagen.methods.shared.pseudo import started
from dagen.parameters import Count, Fraction, NotNegative, Share
from dagen.types import IGNORE, Domain


class Cbst(Method):
    """Self-training on the most confident pixels of each class."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            weight: factor of the loss (paper: 1).
            first: share of each class's pixels that is kept at ``start`` (paper: 0.2).
            last: the same at the end of the run (paper: 0.5).
            start: share of the run's steps before the first pseudo-label.
            memory: number of confidences remembered per class.
            sample: largest number of confidences of one class taken from a step.
        """

        weight: NotNegative = 1.0
        first: Fraction = 0.2
        last: Fraction = 0.5
        start: Share = 0.25
        memory: Count = 16384
        sample: Count = 2048

    family = "self-training"
    paper = "Zou et al., ECCV 2018"
    streams: ClassVar[frozenset[Domain]] = frozenset({"target"})
    requires = ("mean-teacher",)

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        super().__init__(student, setting, config)
        self.confidences = Rings(setting.num_classes, config.memory)

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``main``, after ``start``; logs ``kept``, the share of kept pixels."""
        if not started(ctx, self.config.start):
            return {}
        probabilities = teacher_of(ctx).probabilities(ctx)
        teacher_of(ctx).agree(ctx, "cbst", ctx.target_out.logits)
        self.remember(probabilities, ctx.generator("cbst"))
        label = self.select(probabilities, self.thresholds(self.portion(ctx)))
        ctx.metrics["kept"] = (label != IGNORE).float().mean()
        return {"main": self.config.weight * cross_entropy(ctx.target_out.logits, label)}

    def portion(self, ctx: Context) -> float:
        """The share of each class's pixels to keep at this step."""
        begin = self.config.start * ctx.steps
        done = (ctx.step - begin) / max(1.0, ctx.steps - 1 - begin)
        return float(self.config.first + (self.config.last - self.config.first) * done)

    @torch.no_grad()
    def remember(self, probabilities: Tensor, generator: torch.Generator) -> None:
        """Store the confidences of ``probabilities`` (B, C, H, W) by predicted class."""
        confidence, predicted = (t.flatten() for t in probabilities.max(1))
        for c in range(len(self.confidences)):
            chosen = balanced(predicted, 1, self.config.sample, generator, c)
            self.confidences.add(c, confidence[chosen])

    def thresholds(self, portion: float) -> Tensor:
        """Thresholds (C,) that the top ``portion`` of each class exceeds; inf if unseen."""
        out = self.confidences.items.new_full((len(self.confidences),), torch.inf)
        for c, held in enumerate(self.confidences.held()):
            if len(held) and portion > 0:
                out[c] = held.quantile(1 - portion)
        return out

    def select(self, probabilities: Tensor, thresholds: Tensor) -> Tensor:
        """Pseudo-labels (B, H, W), 255 where no class reaches its threshold."""
        ratio, label = (probabilities / thresholds[:, None, None]).max(1)
        return label.masked_fill(ratio < 1, IGNORE)
