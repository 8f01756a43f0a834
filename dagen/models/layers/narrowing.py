"""Gives the layers of a network fewer channels than its class builds: the shape of a pruned one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor, nn

from dagen.errors import UsageError

if TYPE_CHECKING:
    from dagen.models.base import Network

Counts = tuple[int, ...]
"""Channels of a layer: outputs, and for a convolution inputs as well."""
Layer = nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d | nn.PReLU


def counts(layer: Layer) -> Counts:
    """The channels of a layer as it is now."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        return layer.out_channels, layer.in_channels
    if isinstance(layer, nn.PReLU):
        return (layer.num_parameters,)
    return (layer.num_features,)


def is_depthwise(layer: nn.Module) -> bool:
    """Whether each output of a layer depends on the input of the same number alone."""
    return isinstance(layer, nn.Conv2d) and layer.groups == layer.in_channels == layer.out_channels


def parts_of(layer: Layer, outputs: Tensor, inputs: Tensor) -> dict[str, Tensor]:
    """A layer's parameters and buffers for some of its channels.

    Args:
        layer: the layer; groups of channels are either all channels or one each.
        outputs: (M,) int64, the outputs that are taken.
        inputs: (N,) int64, the inputs that are taken; for a depthwise convolution those of
            ``outputs``, and for a norm or PReLU not used.
    """
    found = {}
    for name, tensor in layer.state_dict().items():
        if tensor.ndim == 0:  # how many batches a norm has seen
            found[name] = tensor.clone()
        elif tensor.ndim < 4 or is_depthwise(layer):
            found[name] = tensor[outputs].clone()
        elif isinstance(layer, nn.ConvTranspose2d):
            found[name] = tensor[inputs][:, outputs].clone()
        else:
            found[name] = tensor[outputs][:, inputs].clone()
    return found


def resize(layer: Layer, tensors: Mapping[str, Tensor]) -> None:
    """Put tensors of fewer channels into a layer, and tell it its new numbers.

    Args:
        layer: the layer, which is changed.
        tensors: what :func:`parts_of` gives.
    """
    depthwise = is_depthwise(layer)
    for name, tensor in tensors.items():
        if name in layer._parameters:
            setattr(layer, name, nn.Parameter(tensor))
        else:
            setattr(layer, name, tensor)
    weight = tensors["weight"]
    if isinstance(layer, nn.ConvTranspose2d):
        layer.in_channels, layer.out_channels = weight.shape[:2]
    elif isinstance(layer, nn.Conv2d):
        layer.out_channels = weight.shape[0]
        layer.in_channels = weight.shape[0] if depthwise else weight.shape[1]
        layer.groups = weight.shape[0] if depthwise else layer.groups
    elif isinstance(layer, nn.PReLU):
        layer.num_parameters = weight.shape[0]
    else:
        layer.num_features = weight.shape[0]


def narrow(network: Network, channels: Mapping[str, Counts]) -> None:
    """Give layers fewer channels, of which the first ones are kept, and note it in the network.

    Args:
        network: a network as its class builds it, which is changed.
        channels: the channels of each layer that has fewer, by name.

    Raises:
        UsageError: there is no such layer, or it has no such channels.
    """
    import torch

    layers = dict(network.named_modules())
    for name, given in channels.items():
        layer = layers.get(name)
        if not isinstance(layer, Layer):
            raise UsageError(f"it says that the layer {name} is pruned; there is none")
        own = counts(layer)
        if len(own) != len(given) or any(n > m for n, m in zip(given, own, strict=True)):
            raise UsageError(
                f"it says that the layer {name} has {_told(given)} channels; it has {_told(own)} "
                "before pruning"
            )
        outputs, inputs = torch.arange(given[0]), torch.arange(given[-1])
        resize(layer, parts_of(layer, outputs, inputs))
    network.channels = {name: tuple(given) for name, given in channels.items()}


def _told(given: Counts) -> str:
    return "x".join(map(str, given))
