"""Helpers of style and generalization strategies: seeded draws, moments, hooks on passes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from dagen.errors import UsageError
from dagen.methods.base import Context, RunFacts
from dagen.types import Batch, Domain


class Dice:
    """Random draws, made on the CPU (equal on every device) and then moved to ``device``."""

    def __init__(self, generator: torch.Generator, device: torch.device) -> None:
        self.generator = generator
        self.device = device

    def uniform(self, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> Tensor:
        """Float32 in [low, high)."""
        unit = torch.rand(shape, generator=self.generator)
        return (low + (high - low) * unit).to(self.device)

    def log_uniform(self, shape: tuple[int, ...], low: float, high: float) -> Tensor:
        """Float32 in [low, high), every octave equally likely."""
        return self.uniform(shape, math.log(low), math.log(high)).exp()

    def normal(self, shape: tuple[int, ...]) -> Tensor:
        """Float32 of mean 0 and variance 1."""
        return torch.randn(shape, generator=self.generator).to(self.device)

    def chance(self, shape: tuple[int, ...], probability: float) -> Tensor:
        """Float32, 1 with this probability and otherwise 0."""
        return (torch.rand(shape, generator=self.generator) < probability).float().to(self.device)

    def beta(self, shape: tuple[int, ...], alpha: float) -> Tensor:
        """Float32 from Beta(alpha, alpha), in [0, 1]."""
        seed = int(torch.randint(2**62, (1,), generator=self.generator))  # torch's has no generator
        values = np.random.default_rng(seed).beta(alpha, alpha, shape)
        return torch.from_numpy(values).float().to(self.device)

    def numbers(self, count: int, low: float = 0.0, high: float = 1.0) -> list[float]:
        """Python floats in [low, high); nothing waits for the device."""
        unit: list[float] = torch.rand(count, generator=self.generator).tolist()
        return [low + (high - low) * u for u in unit]

    def order(self, count: int) -> Tensor:
        """A permutation of 0 ... count - 1, int64."""
        return torch.randperm(count, generator=self.generator).to(self.device)


def dice(ctx: Context, name: str) -> Dice:
    """The random draws of one part in this step, on the images' device."""
    view = ctx.batch.source or ctx.target
    return Dice(ctx.generator(name), view.image.device)


def with_source(batch: Batch, image: Tensor) -> Batch:
    """``batch`` with other source images; labels and target stay."""
    assert batch.source is not None
    return replace(batch, source=replace(batch.source, image=image))


def partners(ctx: Context) -> Tensor:
    """A target image for each source image, in order; a shorter target batch is repeated."""
    count, have = len(ctx.source.image), len(ctx.target.image)
    return ctx.target.image[torch.arange(count, device=ctx.target.image.device) % have]


def moments(x: Tensor, eps: float = 1e-6) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel of each image, (B, C, 1, 1), in float32.

    ``eps`` is added to the variance, which is the biased estimate.
    """
    x = x.float()
    mean = x.mean((2, 3), keepdim=True)
    variance = (x - mean).square().mean((2, 3), keepdim=True)
    return mean, (variance + eps).sqrt()


def check_taps(student: nn.Module, part: str) -> tuple[str, ...]:
    """The names of the stages whose outputs carry style.

    Raises:
        UsageError: the network names none.
    """
    taps: tuple[str, ...] = tuple(getattr(student, "taps", ()))
    if not taps:
        raise UsageError(
            f"'{part}' changes the features of early stages, but {type(student).__name__} names "
            "none; set its `taps`, or choose a network that has some (enet, bisenet, icnet)."
        )
    return taps


def check_source_images(facts: RunFacts, part: str) -> None:
    """Refuse a run with a single source image per pass.

    Raises:
        UsageError: there is one, which has no other style to mix with.
    """
    if facts.source_images < 2:
        raise UsageError(
            f"'{part}' mixes the styles of the source images in a pass, but this run has "
            f"{facts.source_images} per pass; give a larger batch."
        )


def restyle_passes(ctx: Context, taps: tuple[str, ...], change: Callable[[Tensor], Tensor]) -> None:
    """Apply ``change`` to every tap's output in this step's training passes over source images.

    The hooks exist during one pass only, so copies of the student (teachers, predictors,
    checkpoints) never contain them, whatever the order of the parts.
    """

    @contextmanager
    def around(domain: Domain) -> Iterator[None]:
        if domain != "source" or not ctx.student.training:
            yield
            return
        stages = [ctx.student.get_submodule(name) for name in taps]
        handles = [
            stage.register_forward_hook(lambda _module, _inputs, output: change(output))
            for stage in stages
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    ctx.around.append(around)
