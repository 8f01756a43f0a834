"""Inpainting: pre-trains a network to fill holes in images (Pathak et al., CVPR 2016).

A context encoder: rectangles of each image are replaced by the mean colour, and the network's
features have to say what was there. The loss is the squared error inside the holes and, unless
``adversarial`` is 0, the fooling loss of a discriminator between whole images and filled ones. No
label is read. ``dagen pretrain --method inpainting`` makes a start for other runs; its head is not
taken. With ``--tgt`` it learns from the images of both domains, without from those of ``--src``
alone, whose labels are not opened.

Deviations: the paper trains an encoder with a decoder of its own; here the features before the
network's head are decoded by one convolution to the pixels of their cells, so that the network's
decoder starts as well. Its discriminator sees the holes alone, which are in the centre; here they
are anywhere (the paper's "random block"), and it sees patches of the whole image (Isola et al.,
2017). The extra weight of the paper at the border of the hole is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from dagen.collective import divisor
from dagen.methods.base import Context, Method, Setting
from dagen.methods.shared.discriminator import accuracy, domain_loss, patch_discriminator
from dagen.ops import evaluating, frozen
from dagen.parameters import Count, NotNegative, Positive
from dagen.types import Domain, SegOut

_OBJECTIVE = "vanilla"


class Inpainting(Method):
    """Learns to fill holes."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            reconstruction: factor of the squared error, of pixels in units of their spread (paper:
                0.999).
            adversarial: factor of the fooling loss (paper: 0.001); 0 trains no discriminator.
            holes: rectangles per image, which may overlap.
            share: share of the image that they cover together if they do not overlap (paper: a
                quarter).
            learning_rate: AdamW's peak rate for the layer that decodes.
            discriminator_rate: Adam's rate for the discriminator, betas 0.5 and 0.999 (paper: a
                tenth of the network's).
            width: channels of the discriminator's first convolution.
        """

        reconstruction: NotNegative = 0.999
        adversarial: NotNegative = 0.001
        holes: Count = 4
        share: Annotated[float, Field(gt=0, le=0.75)] = 0.25
        learning_rate: Positive = 2e-3
        discriminator_rate: Positive = 2e-4
        width: Count = 32

    family = "pre-training"
    paper = "Pathak et al., CVPR 2016"
    streams: ClassVar[frozenset[Domain]] = frozenset({"target"})
    pretrains: ClassVar[bool] = True

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        """Build what decodes the features and, with an adversarial term, the discriminator."""
        super().__init__(student, setting, config)
        height, width = setting.size
        with torch.no_grad(), evaluating(student):
            out: SegOut = student(torch.zeros(1, 3, height, width))
        self.cell = height // out.features.shape[2]
        self.decode = nn.Conv2d(out.features.shape[1], 3 * self.cell**2, 1)
        self.trained: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(self.decode.parameters(), lr=config.learning_rate)
        ]
        self.discriminator: nn.Module | None = None
        if config.adversarial:
            self.discriminator = patch_discriminator(3, setting.size, config.width)
            self.trained.append(
                torch.optim.Adam(
                    self.discriminator.parameters(), config.discriminator_rate, (0.5, 0.999)
                )
            )

    def optimizers(self) -> Iterable[torch.optim.Optimizer]:
        """AdamW for the decoding layer, Adam for the discriminator."""
        return self.trained

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``reconstruct``, and with an adversarial term ``fool`` and ``discriminate``.

        Logs ``error``, the root of the mean squared error in the holes, of pixels in [0, 1].
        """
        own, image = self.config, ctx.target.image
        hole = self._holes(ctx)
        mean, std = _moments(ctx.student, image)
        out = ctx.forward(torch.where(hole, mean, image), "target")
        filled = self._pixels(out) * std + mean
        squares = ((filled - image) / std).square() * hole
        count = 3 * divisor(hole.sum())
        # Head and auxiliary heads learn nothing, but have gradients, which DDP waits for.
        idle = 0.0 * sum(x.float().sum() for x in (out.logits, *out.aux))
        terms = {"reconstruct": own.reconstruction * squares.sum() / count + idle}
        error = (filled - image).detach().square() * hole
        ctx.metrics["error"] = (error.sum() / count).sqrt()
        if self.discriminator is not None:
            whole = torch.where(hole, filled, image)
            with frozen(self.discriminator):
                fooled = domain_loss(self.discriminator(whole), True, _OBJECTIVE)
            real, made = self.discriminator(image), self.discriminator(whole.detach())
            told = domain_loss(real, True, _OBJECTIVE) + domain_loss(made, False, _OBJECTIVE)
            terms |= {"fool": own.adversarial * fooled, "discriminate": told / 2}
            ctx.metrics["discriminator_accuracy"] = accuracy(real, made, _OBJECTIVE)
        return terms

    def _pixels(self, out: SegOut) -> Tensor:
        """(B, 3, H, W) float32: the features of each cell as its pixels."""
        return F.pixel_shuffle(self.decode(out.features), self.cell).float()

    def _holes(self, ctx: Context) -> Tensor:
        """(B, 1, H, W) bool, True in the holes; every image has its own."""
        image = ctx.target.image
        count, _, height, width = image.shape
        side = math.sqrt(self.config.share / self.config.holes)
        tall, wide = max(1, round(height * side)), max(1, round(width * side))
        draw = ctx.generator("inpainting")
        found = torch.zeros(count, 1, height, width, dtype=torch.bool)
        for i in range(count):
            for _ in range(self.config.holes):
                top = int(torch.randint(height - tall + 1, (1,), generator=draw))
                left = int(torch.randint(width - wide + 1, (1,), generator=draw))
                found[i, :, top : top + tall, left : left + wide] = True
        return found.to(image.device)


def _moments(student: nn.Module, image: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and spread of pixels, (1, 3, 1, 1), by which the network normalises its input."""
    mean, std = getattr(student, "mean", None), getattr(student, "std", None)
    if isinstance(mean, Tensor) and isinstance(std, Tensor):
        return mean.to(image), std.to(image)
    return image.new_full((1, 3, 1, 1), 0.45), image.new_full((1, 3, 1, 1), 0.25)
