"""Choices inside a network that jump: which of four pixels was the largest.

Two runtimes round differently. Where two of the four pixels are equal but for rounding, they may
choose differently, and everything around that pixel then differs, although neither is wrong. So
that the rest can still be compared to the last digit, PyTorch is given the choices of the other
runtime, and it is checked that each of them is a tie.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dagen.models.layers.unpooling import ArgmaxPool, places


def pools(network: nn.Module) -> list[ArgmaxPool]:
    """The layers that choose, in a fixed order."""
    return [module for module in network.modules() if isinstance(module, ArgmaxPool)]


@contextmanager
def recorded(network: nn.Module) -> Iterator[list[Tensor]]:
    """The choices of one forward pass inside the block, (B, C, 4, h, w) bool for each layer."""
    found: list[Tensor] = []

    def keep(module: nn.Module, given: Any, out: tuple[Tensor, Tensor]) -> None:
        found.append(places(out[1]))

    with ExitStack() as stack:
        for pool in pools(network):
            stack.callback(pool.register_forward_hook(keep).remove)
        yield found


@contextmanager
def imposed(network: nn.Module, choices: Sequence[Tensor]) -> Iterator[list[float]]:
    """Replace the choices of one forward pass inside the block.

    Args:
        network: the network.
        choices: those of another runtime, one for each layer.

    Yields:
        For each layer, by how much the chosen pixel is below the largest one, at most, divided by
        the largest value or by 1 if that is more.
    """
    below: list[float] = []

    def replace(
        module: nn.Module, given: tuple[Tensor], out: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        largest, choice = out[0], choices[len(below)]
        fours = F.pixel_unshuffle(given[0], 2).view(choice.shape)
        chosen = torch.where(choice, fours, float("-inf")).amax(2)
        scale = largest.abs().max().clamp(min=1)
        below.append(float(((largest - chosen) / scale).max()))
        return largest, choice

    with ExitStack() as stack:
        for pool in pools(network):
            stack.callback(pool.register_forward_hook(replace).remove)
        yield below
