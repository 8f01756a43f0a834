"""Helpers of parts that learn from a teacher's pseudo-labels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from dagen.collective import mean
from dagen.methods.base import Context


def enlarge(x: Tensor, like: Tensor) -> Tensor:
    """``x`` (B, C, h, w) at the height and width of ``like``, bilinear as in scoring, float32."""
    size = (like.shape[-2], like.shape[-1])
    if x.shape[-2:] == size:
        return x.float()
    return F.interpolate(x.float(), size=size, mode="bilinear", align_corners=False)


def top_class(scores: Tensor) -> Tensor:
    """The class of the largest score at each pixel: (B, C, H, W) -> (B, H, W), int64.

    The same as ``argmax(1)``, which takes ten times as long on a CPU if a class's pixels lie
    together in memory.
    """
    return scores.max(1).indices


def trust(probabilities: Tensor, threshold: float) -> Tensor:
    """Share of the whole batch's pixels whose largest probability reaches ``threshold``, a scalar.

    DACS and its successors weight a step's pseudo-labels with it (Tranheden et al., WACV 2021).
    """
    return mean((probabilities.amax(1) >= threshold).float().mean())


def source_label(ctx: Context) -> Tensor:
    """The source's label, (B, H, W)."""
    if ctx.source.label is None:
        raise RuntimeError("a part needs source labels; the loader gave none")
    return ctx.source.label


def started(ctx: Context, start: float) -> bool:
    """Whether the first ``start`` (a share) of the run's steps is over."""
    return ctx.step >= start * ctx.steps


def draw(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    """Uniform numbers in [low, high) from a CPU generator; stays on the CPU."""
    return torch.rand(shape, generator=generator) * (high - low) + low
