"""Helpers of parts that learn from a teacher's pseudo-labels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dagen import batch_norm
from dagen.methods.base import Context


def enlarge(x: Tensor, like: Tensor) -> Tensor:
    """``x`` (B, C, h, w) at the height and width of ``like``, bilinear as in scoring, float32."""
    size = (like.shape[-2], like.shape[-1])
    if x.shape[-2:] == size:
        return x.float()
    return F.interpolate(x.float(), size=size, mode="bilinear", align_corners=False)


def trust(probabilities: Tensor, threshold: float) -> Tensor:
    """Share of the batch's pixels whose largest probability reaches ``threshold``, a scalar.

    DACS and its successors weight a step's pseudo-labels with it (Tranheden et al., WACV 2021).
    """
    return (probabilities.amax(1) >= threshold).float().mean()


def source_label(ctx: Context) -> Tensor:
    """The source's label, (B, H, W)."""
    if ctx.source.label is None:
        raise RuntimeError("a part needs source labels; the loader gave none")
    return ctx.source.label


def started(ctx: Context, start: float) -> bool:
    """Whether the first ``start`` (a share) of the run's steps is over."""
    return ctx.step >= start * ctx.steps


@contextmanager
def untracked(network: nn.Module) -> Iterator[None]:
    """Within, training passes use the batch's statistics and leave the running ones alone."""
    bound = batch_norm.layers(network)
    try:
        for layer in bound:
            layer.track_running_stats = False
        yield
    finally:
        for layer in bound:
            layer.track_running_stats = True


def draw(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    """Uniform numbers in [low, high) from a CPU generator; stays on the CPU."""
    return torch.rand(shape, generator=generator) * (high - low) + low
