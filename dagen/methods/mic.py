"""MIC: masked image consistency (Hoyer et al., CVPR 2023).

Square patches of a target image are hidden, and the student has to predict the whole image as the
teacher does, who sees all of it: where an object is covered, the student must use context. The loss
is cross-entropy to the teacher's arg-max, weighted with the share of pixels where the teacher is
sure. The image is jittered and blurred before it is masked, as in the authors' synthetic-to-real
setting.

Patches of 16 pixels are the paper's 32 at 512 rescaled to images of 224 pixels.

Deviation: the masked pass updates no running batch-norm statistics. The paper's networks have
layer norm; a network with batch norm would be scored on whole images with the statistics of
images that are two thirds grey. The pass over the whole image, which all parts share, updates the
statistics instead. Until ``start`` the student learns from the other parts alone, in place of the
paper's pretrained network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from dagen import batch_norm
from dagen.losses import cross_entropy
from dagen.methods.base import Context, Method
from dagen.methods.mean_teacher import teacher_of
from dagen.methods.shared.mixing import disturb
from dagen.methods.shared.pseudo import started, top_class, trust
from dagen.ops import block_mask
from dagen.parameters import Count, Fraction, NotNegative, Share
from dagen.types import Domain

# Hidden pixels are 0 after the networks' normalisation by ImageNet's mean, as in the paper.
_HIDDEN = (0.485, 0.456, 0.406)


class Mic(Method):
    """Consistency of masked target images with the teacher."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            weight: factor of the loss (paper: 1).
            ratio: share of patches that are hidden (paper: 0.7).
            block: side of a patch in pixels (paper: 32 at 512, 64 at 1024).
            threshold: probability from which the teacher counts as sure of a pixel.
            jitter: strength of the colour jitter, in [0, 0.5] (for hue: fraction of a circle).
            start: share of the run's steps before the first masked image (paper: 0, from a
                pretrained network).
        """

        weight: NotNegative = 1.0
        ratio: Fraction = 0.7
        block: Count = 16
        threshold: Fraction = 0.968
        jitter: Annotated[float, Field(ge=0, le=0.5)] = 0.2
        start: Share = 0.25

    family = "self-training"
    paper = "Hoyer et al., CVPR 2023"
    streams: ClassVar[frozenset[Domain]] = frozenset({"target"})
    requires = ("mean-teacher",)

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``main``, after ``start``; logs ``trust``, the weight of the pseudo-labels."""
        if not started(ctx, self.config.start):
            return {}
        probabilities = teacher_of(ctx).probabilities(ctx)
        sure = trust(probabilities, self.config.threshold)
        ctx.metrics["trust"] = sure
        image = self.hide(ctx)
        _ = ctx.target_out
        with batch_norm.untracked(batch_norm.layers(ctx.student)):
            out = ctx.forward(image, "target")
        teacher_of(ctx).agree(ctx, "mic", out.logits)
        loss = cross_entropy(out.logits, top_class(probabilities))
        return {"main": self.config.weight * sure * loss}

    def hide(self, ctx: Context) -> Tensor:
        """Jittered target images with hidden patches, (B, 3, H, W)."""
        draws = ctx.generator("mic")
        image = disturb(ctx.target.image, draws, jitter=self.config.jitter)
        kept = block_mask(image, self.config.block, self.config.ratio, draws)
        return torch.where(kept > 0, image, image.new_tensor(_HIDDEN)[:, None, None])
