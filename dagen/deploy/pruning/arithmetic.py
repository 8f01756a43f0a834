"""Counts the multiply-accumulates of a network without some channels, without building it."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from dagen.deploy.pruning.surgery import Removed
from dagen.models.base import Network
from dagen.models.layers.narrowing import is_depthwise
from dagen.ops import evaluating


class _Work(NamedTuple):
    """A convolution: its MACs are ``each`` times outputs, times inputs unless it is depthwise."""

    each: int
    outputs: int
    inputs: int
    depthwise: bool


class Arithmetic:
    """The convolutions of a network at one size; equal to ``dagen.models.deployed.cost.macs``."""

    def __init__(self, network: Network, size: tuple[int, int]) -> None:
        """Forward one image and note how often each kernel is applied.

        Args:
            network: the network, which is left as it is; all its MACs are convolutions'.
            size: height and width in pixels.
        """
        self._work: dict[str, _Work] = {}
        hooks = [
            each.register_forward_hook(self._noting(name))
            for name, each in network.named_modules()
            if isinstance(each, nn.Conv2d | nn.ConvTranspose2d)
        ]
        try:
            with torch.inference_mode(), evaluating(network):
                network(torch.zeros(1, 3, *size))
        finally:
            for hook in hooks:
                hook.remove()

    def macs(self, removed: Removed | None = None) -> int:
        """Multiply-accumulates of one image without these channels."""
        removed = removed or Removed()
        total = 0
        for name, work in self._work.items():
            outputs = work.outputs - len(removed.outputs.get(name, ()))
            inputs = work.inputs - len(removed.inputs.get(name, ()))
            total += work.each * outputs * (1 if work.depthwise else inputs)
        return total

    def _noting(self, name: str) -> Any:
        def note(layer: nn.Conv2d | nn.ConvTranspose2d, given: tuple[Tensor], out: Tensor) -> None:
            applied = given[0] if isinstance(layer, nn.ConvTranspose2d) else out
            kernel = layer.kernel_size[0] * layer.kernel_size[1]
            each = applied.shape[2] * applied.shape[3] * kernel
            work = _Work(each, layer.out_channels, layer.in_channels, is_depthwise(layer))
            self._work[name] = work

        return note
