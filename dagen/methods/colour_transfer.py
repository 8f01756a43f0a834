"""Colour transfer: source images in the colours of target images, without any training.

``reinhard``
    mean and standard deviation of each channel of CIELAB (Reinhard et al., IEEE CG&A 21(5),
    2001; the paper works in its own l-alpha-beta space)
``histogram``
    the whole distribution of each channel of RGB (Gonzalez & Woods, histogram matching)
``adain-rgb``
    mean and standard deviation of each channel of RGB (AdaIN, Huang & Belongie, ICCV 2017,
    on pixels instead of features)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from dagen.methods.base import Context, Method
from dagen.methods.shared.style import dice, moments, partners, with_source
from dagen.parameters import Fraction
from dagen.types import Batch, Domain


class ColourTransfer(Method):
    """Gives source images the colour statistics of target images."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            mode: which statistics are matched; see the module's docstring.
            p: probability that an image is changed.
        """

        mode: Literal["reinhard", "histogram", "adain-rgb"] = "reinhard"
        p: Fraction = 1.0

    family = "style"
    paper = "Reinhard et al., IEEE CG&A 2001"
    streams: ClassVar[frozenset[Domain]] = frozenset({"source", "target"})

    def transform(self, ctx: Context) -> Batch:
        """Source images in the colours of target images, in [0, 1]; labels stay."""
        image, style = ctx.source.image, partners(ctx)
        with torch.autocast(image.device.type, enabled=False):  # bfloat16 would lose image bits
            new = self._matched(image.float(), style.float())
        changed = dice(ctx, "colour-transfer").chance((len(image), 1, 1, 1), self.config.p)
        return with_source(ctx.batch, torch.where(changed > 0, new.clamp(0, 1), image))

    def _matched(self, image: Tensor, style: Tensor) -> Tensor:
        if self.config.mode == "reinhard":
            return match_lab(image, style)
        if self.config.mode == "histogram":
            return match_histogram(image, style)
        return match_moments(image, style)


def match_moments(image: Tensor, style: Tensor) -> Tensor:
    """``image`` with the mean and standard deviation of each channel of ``style``.

    Args:
        image: (B, C, H, W).
        style: (B, C, h, w).
    """
    mean, deviation = moments(image)
    to_mean, to_deviation = moments(style)
    return (image - mean) / deviation * to_deviation + to_mean


def match_lab(image: Tensor, style: Tensor) -> Tensor:
    """:func:`match_moments` in CIELAB; both are RGB in [0, 1]."""
    from kornia.color import lab_to_rgb, rgb_to_lab

    return lab_to_rgb(match_moments(rgb_to_lab(image.float()), rgb_to_lab(style.float())))


_LEVELS = 256


def match_histogram(image: Tensor, style: Tensor) -> Tensor:
    """``image`` with the distribution of values of each channel of ``style``.

    Both distributions are taken at 256 levels; between levels the map is linear.

    Args:
        image: (B, C, H, W) in [0, 1].
        style: (B, C, h, w) in [0, 1].
    """
    flat = image.float().clamp(0, 1).flatten(2).flatten(0, 1) * (_LEVELS - 1)
    share, to_share = _cumulative(image), _cumulative(style)
    # Each level maps to the target's level at the same cumulative share, interpolated.
    upper = torch.searchsorted(to_share, share).clamp(max=_LEVELS - 1)
    below = torch.where(upper > 0, to_share.gather(1, (upper - 1).clamp(min=0)), 0.0)
    rise = (to_share.gather(1, upper) - below).clamp(min=1e-9)
    mapped = upper - 1 + ((share - below) / rise).clamp(0, 1)
    low = flat.floor().long().clamp(max=_LEVELS - 2)
    new = torch.lerp(mapped.gather(1, low), mapped.gather(1, low + 1), flat - low)
    return new.clamp(min=0).view(image.shape) / (_LEVELS - 1)


def _cumulative(image: Tensor) -> Tensor:
    """Share of values at or below each level, (B * C, 256)."""
    level = (image.float().clamp(0, 1) * (_LEVELS - 1)).round().long().flatten(2).flatten(0, 1)
    counts = torch.zeros(len(level), _LEVELS, device=image.device)
    counts.scatter_add_(1, level, torch.ones_like(level, dtype=counts.dtype))
    return counts.cumsum(1) / level.shape[1]
