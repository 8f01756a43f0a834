"""RandConv: random convolutions as texture augmentation (Xu et al., ICLR 2021).

A source image is convolved with random weights from N(0, 1 / (3 k^2)) for a kernel size k drawn
from 1, 3, 5 and 7: shapes larger than the kernel survive, local texture and colour do not. It
is mixed with the original, ``a image + (1 - a) convolved`` with a from U(0, 1) (RC_mix), and
three such views of an image should get the same prediction:
``weight * sum over views of KL(p_view || mean p)``. The supervised loss sees one view.

Deviations: kernel, size and a are drawn for each image and not for the batch, so that a batch
of eight shows eight textures. The convolution's zero is grey 0.5 (in the paper: ImageNet's mean),
and results are clipped to [0, 1]. The divergences are added as in the paper; the authors' code,
whose default weight of 1 is kept, takes their mean (a third of the sum) and convolves the further
views once more. The paper's tables use weights up to 10. Later parts of the stack do not change the
further views, so name this part last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from dagen.errors import UsageError
from dagen.methods.base import Context, Method, RunFacts
from dagen.methods.shared.style import Dice, dice, with_source
from dagen.parameters import Count, NotNegative
from dagen.types import Batch, Domain


class RandConv(Method):
    """Randomises the texture of source images and asks for the same prediction."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            sizes: kernel sizes in pixels, odd, one of them drawn for each image.
            mix: whether the convolved image is mixed with the original.
            consistency: weight of the divergence between views; 0 forwards one view only.
            views: number of views of an image that are compared (paper: 3).
        """

        sizes: tuple[Count, ...] = (1, 3, 5, 7)
        mix: bool = True
        consistency: NotNegative = 1.0
        views: Count = 3

    family = "generalization"
    paper = "Xu et al., ICLR 2021"
    streams: ClassVar[frozenset[Domain]] = frozenset({"source"})

    @classmethod
    def check(cls, config: Config, facts: RunFacts) -> None:
        """Refuse a missing kernel size and an even one."""
        if not config.sizes or any(size % 2 == 0 for size in config.sizes):
            raise UsageError(
                f"randconv.sizes is {list(config.sizes)}; give one or more odd numbers."
            )

    def transform(self, ctx: Context) -> Batch:
        """The first view in place of the source images; labels stay."""
        draw, image = dice(ctx, "randconv"), ctx.source.image
        count = self.config.views if self.config.consistency else 1
        views = ctx.once(
            "randconv/views",
            lambda: [
                random_convolution(image, self.config.sizes, draw, mix=self.config.mix)
                for _ in range(count)
            ],
        )
        return with_source(ctx.batch, views[0])

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``consistency`` of the views' predictions, a mean over the pixels."""
        views: list[Tensor] = ctx.once("randconv/views", list)
        if len(views) < 2:
            return {}
        outs = [ctx.source_out, *(ctx.forward(view, "source") for view in views[1:])]
        log_p = torch.stack([out.logits.float().log_softmax(1) for out in outs])
        return {"consistency": self.config.consistency * divergence(log_p)}


def divergence(log_p: Tensor) -> Tensor:
    """Sum over views of KL(p_view || mean p), mean over images and pixels.

    Args:
        log_p: logarithms of probabilities, (views, B, C, h, w).
    """
    p = log_p.exp()
    log_mean = p.mean(0, keepdim=True).clamp(min=torch.finfo(p.dtype).tiny).log()
    return (p * (log_p - log_mean)).sum((0, 2)).mean()


def random_convolution(image: Tensor, sizes: tuple[int, ...], draw: Dice, *, mix: bool) -> Tensor:
    """Each image convolved by a random filter of its own.

    Args:
        image: (B, 3, H, W) in [0, 1].
        sizes: odd kernel sizes to draw from.
        draw: source of all random draws.
        mix: whether to mix with the original by a weight from U(0, 1).

    Returns:
        Of the same shape, in [0, 1].
    """
    count, channels, height, width = image.shape
    largest = max(sizes)
    size = torch.tensor(sizes, device=draw.device)[
        draw.uniform((count,), 0, len(sizes)).long()
    ].view(-1, 1, 1, 1, 1)
    # A smaller kernel is the largest one with zeros around.
    away = (torch.arange(largest, device=draw.device) - largest // 2).abs()
    inside = torch.maximum(away[:, None], away[None]) <= size // 2
    weight = draw.normal((count, channels, channels, largest, largest)) * inside
    weight = weight / (channels * size.square()).sqrt()
    with torch.autocast(image.device.type, enabled=False):  # bfloat16 would lose image bits
        out = F.conv2d(
            image.float().reshape(1, count * channels, height, width) - 0.5,
            weight.flatten(0, 1),
            padding=largest // 2,
            groups=count,
        ).view(image.shape)
    share = draw.uniform((count, 1, 1, 1)) if mix else 0.0
    return (share * image + (1 - share) * (out + 0.5)).clamp(0, 1)
