"""Removes channels from a network, or only silences them, which gives the same results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field

import torch
from torch import nn

from dagen.models.base import Network
from dagen.models.layers.narrowing import Layer, counts, is_depthwise, parts_of, resize


@dataclass
class Removed:
    """Channels that go, by layer.

    Attributes:
        outputs: numbers of the outputs that go, by name of the layer.
        inputs: numbers of the inputs that go, by name of the convolution.
    """

    outputs: dict[str, set[int]] = field(default_factory=dict)
    inputs: dict[str, set[int]] = field(default_factory=dict)

    def __or__(self, other: Removed) -> Removed:
        """What goes with one of two."""
        return Removed(_joined(self.outputs, other.outputs), _joined(self.inputs, other.inputs))


def without(network: Network, removed: Removed) -> Network:
    """A copy of a network without some channels; ``channels`` of the copy tells what it has.

    Args:
        network: the network, which is left as it is.
        removed: at least one channel of each layer stays.
    """
    found = deepcopy(network)
    layers = _layers(found)
    channels = dict(network.channels)
    for name in sorted({*removed.outputs, *removed.inputs}):
        layer = layers[name]
        before = counts(layer)
        outputs = _kept(before[0], removed.outputs.get(name, ()))
        gone = removed.outputs if is_depthwise(layer) else removed.inputs
        inputs = _kept(before[-1], gone.get(name, ()))
        resize(layer, parts_of(layer, outputs, inputs))
        channels[name] = counts(layer)
    found.channels = channels
    return found


def silenced(network: Network, removed: Removed) -> Network:
    """A copy of a network in which the channels that go are zero wherever they are made.

    Args:
        network: the network, which is left as it is.
        removed: the channels that go.
    """
    found = deepcopy(network)
    _silence(found, removed)
    return found


@contextmanager
def silent(network: Network, removed: Removed) -> Iterator[None]:
    """Inside the block the network is :func:`silenced`; afterwards it is as before."""
    layers = _layers(network)
    before = {name: deepcopy(layers[name].state_dict()) for name in removed.outputs}
    try:
        _silence(network, removed)
        yield
    finally:
        for name, tensors in before.items():
            layers[name].load_state_dict(tensors)


@torch.no_grad()
def _silence(network: Network, removed: Removed) -> None:
    layers = _layers(network)
    for name, gone in removed.outputs.items():
        layer, numbers = layers[name], sorted(gone)
        if isinstance(layer, nn.PReLU):
            continue  # nothing stays nothing
        if isinstance(layer, nn.ConvTranspose2d):
            layer.weight[:, numbers] = 0
        else:
            layer.weight[numbers] = 0
        if layer.bias is not None:
            layer.bias[numbers] = 0


def _layers(network: Network) -> dict[str, Layer]:
    return {name: each for name, each in network.named_modules() if isinstance(each, Layer)}


def _kept(count: int, gone: Iterable[int]) -> torch.Tensor:
    return torch.tensor([number for number in range(count) if number not in set(gone)])


def _joined(one: Mapping[str, set[int]], other: Mapping[str, set[int]]) -> dict[str, set[int]]:
    return {name: one.get(name, set()) | other.get(name, set()) for name in {*one, *other}}
