"""DACS: source objects mixed into target images (Tranheden et al., WACV 2021).

Half of the foreground classes of a source image are pasted at the same place on a target image
(ClassMix). The rest of the mixed label is the teacher's arg-max, weighted with the share of target
pixels where the teacher is sure; pasted pixels weigh 1. The mixed image is jittered and blurred,
and the student learns it by cross-entropy.

Deviations: classes are drawn among the foreground, since with the background in the draw half of
all two-class mixes are whole belts; where the task has one foreground class, half of the connected
objects are drawn instead. Until ``start`` the student learns from the source alone: a network that
starts from random weights would be taught by a teacher that knows nothing. The teacher is scored
(the paper's code scores the student; set ``mean-teacher.predict = false`` for that). The default
threshold and jitter come from the paper's code.

The running statistics of batch norm come from the mixed and disturbed images, as in that code.
Measured on three finished runs of ``best`` (ENet and ICNet, TACO): with statistics of plain target
images instead, the same weights score 0.6 to 1.0 points less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from dagen.losses import cross_entropy
from dagen.methods.base import Context, Method
from dagen.methods.mean_teacher import teacher_of
from dagen.methods.shared.mixing import disturb, find_objects, half_of_the_objects
from dagen.methods.shared.pseudo import source_label, started, top_class, trust
from dagen.ops import class_mix
from dagen.parameters import Fraction, NotNegative, Share
from dagen.types import Domain


class Dacs(Method):
    """Cross-domain mixed sampling."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            weight: factor of the loss (paper: 1).
            threshold: probability from which the teacher counts as sure of a pixel.
            jitter: strength of the colour jitter, in [0, 0.5] (for hue: fraction of a circle).
            start: share of the run's steps before the first mix (paper: 0, from a pretrained
                network).
        """

        weight: NotNegative = 1.0
        threshold: Fraction = 0.968
        jitter: Annotated[float, Field(ge=0, le=0.5)] = 0.25
        start: Share = 0.25

    family = "self-training"
    paper = "Tranheden et al., WACV 2021"
    streams: ClassVar[frozenset[Domain]] = frozenset({"source", "target"})
    requires = ("mean-teacher",)

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``main``, after ``start``; logs ``trust``, the weight of the pseudo-labels."""
        if not started(ctx, self.config.start):
            return {}
        image, label, weight = self.mix(ctx)
        draws = ctx.generator("dacs/disturb")
        theirs = (image == ctx.target.image).all(1)
        image = disturb(image, draws, jitter=self.config.jitter)
        out = ctx.forward(image, "target")
        teacher_of(ctx).agree(ctx, "dacs", out.logits, theirs)
        loss = cross_entropy(out.logits, label, pixel_weight=weight)
        return {"main": self.config.weight * loss}

    def mix(self, ctx: Context) -> tuple[Tensor, Tensor, Tensor]:
        """Mixed images (B, 3, H, W), labels (B, H, W) and the weight of each pixel (B, H, W).

        Each target image gets a source image, in order; a shorter source batch is repeated.
        """
        count, target = len(ctx.source.image), ctx.target.image
        rows = torch.arange(len(target), device=target.device) % count
        label = source_label(ctx)[rows]
        draws = ctx.generator("dacs/mix")
        if ctx.task.num_classes > 2 or not ctx.task.background:
            pasted = class_mix(label, draws, background=not ctx.task.background)
        else:
            pasted = half_of_the_objects(find_objects(label), draws)
        probabilities = teacher_of(ctx).probabilities(ctx)
        sure = trust(probabilities, self.config.threshold)
        ctx.metrics["trust"] = sure
        image = torch.where(pasted, ctx.source.image[rows], target)
        pasted = pasted[:, 0]
        mixed = torch.where(pasted, label, top_class(probabilities))
        return image, mixed, torch.where(pasted, 1.0, sure)
