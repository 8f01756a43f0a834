"""Sums over the processes of a run, each of which has a share of the step's batch.

The mean of two processes' gradients is the gradient of the whole batch only if their losses are
means over equally many values. Ignored pixels and drawn samples are not equally many, and counts
or memories of one process know half of the images. These functions make such values those of the
whole batch, so that two processes learn what one would.

They act only inside :func:`sharing`, which the stack opens around a step: all processes then call
the same functions in the same order. Everywhere else (rank 0 scores alone, a process without
``torchrun``) each returns what it was given, to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

_SIZE: ContextVar[int] = ContextVar("processes that share the batch", default=1)


@contextmanager
def sharing() -> Iterator[None]:
    """Surround what all processes of the run compute together, a step of the training."""
    joined = dist.is_available() and dist.is_initialized()
    token = _SIZE.set(dist.get_world_size() if joined else 1)
    try:
        yield
    finally:
        _SIZE.reset(token)


def size() -> int:
    """Number of processes that share the batch; 1 outside of :func:`sharing`."""
    return _SIZE.get()


def total(x: Tensor) -> Tensor:
    """The sum of all processes' ``x``, of one shape; differentiable."""
    if size() == 1:
        return x
    summed: Tensor = _Total.apply(x)
    return summed


class _Total(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of all processes' gradients.

    ``torch.distributed.nn.functional``, which had this, is deprecated.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        summed = x.detach().clone(memory_format=torch.contiguous_format)
        dist.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _Total.forward(ctx, gradients[0])


def mean(x: Tensor) -> Tensor:
    """The mean of all processes' ``x``, of one shape, for values over equally many items."""
    return x if size() == 1 else total(x) / size()


def divisor(count: Tensor, least: float = 1) -> Tensor:
    """What this process divides a sum over ``count`` items by, at least ``least``.

    The mean of all processes' quotients is then the mean over all items: it is the mean number of
    items.

    Args:
        count: this process's number of items, or the sum of their weights.
        least: smallest number of all items, so that none does not divide by 0.
    """
    return total(count).clamp(min=least) if size() == 1 else total(count).clamp(min=least) / size()


def part(count: int, like: Tensor) -> Tensor | float:
    """This process's number of items over the mean number: the factor of a mean over its own.

    Args:
        count: this process's number of items.
        like: the factor is on its device.
    """
    if size() == 1:
        return 1.0
    own = torch.tensor(float(count), device=like.device)
    return own / divisor(own)


def var_mean(x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Biased variance and mean over ``axes`` and all processes, both with these axes kept.

    Differentiable. The processes' ``x`` have one shape.
    """
    if size() == 1:
        return torch.var_mean(x, axes, correction=0, keepdim=True)
    summed = x.sum(axes, keepdim=True)
    count = size() * x.numel() / summed.numel()
    found = total(summed) / count
    # A second exchange: the mean of squares minus the square of the mean would lose digits.
    return total((x - found).square().sum(axes, keepdim=True)) / count, found


def rows(x: Tensor) -> Tensor:
    """The rows of all processes, rank 0's first; they may have different numbers of rows."""
    if size() == 1:
        return x
    counts = torch.zeros(size(), dtype=torch.int64, device=x.device)
    counts[dist.get_rank()] = len(x)
    dist.all_reduce(counts)
    own = x.detach().new_zeros(int(counts.max()), *x.shape[1:])
    own[: len(x)] = x.detach()
    found = [torch.empty_like(own) for _ in counts]
    dist.all_gather(found, own)
    return torch.cat([one[:count] for one, count in zip(found, counts.tolist(), strict=True)])


def anywhere(flag: bool, like: Tensor) -> bool:
    """Whether ``flag`` is true in any process.

    Args:
        flag: what this process found in its share.
        like: the exchange happens on its device.
    """
    return flag if size() == 1 else bool(total(torch.tensor(int(flag), device=like.device)))
