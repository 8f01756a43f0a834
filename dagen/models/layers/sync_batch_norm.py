"""Batch norm whose statistics are those of the whole batch, not of each process's share.

PyTorch's own SyncBatchNorm needs a GPU, and exchanges statistics wherever a process group exists.
This one runs on every device, and only inside a step (see :mod:`dagen.collective`); everywhere else
it is the layer that it was.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dagen import collective
from dagen.models.layers.blocks import PooledNorm


def synchronise(network: nn.Module) -> None:
    """Make every batch norm inside ``network`` a synchronised one, in place.

    A layer changes its class alone: parameters, buffers and whoever holds it stay as they are.
    """
    for module in network.modules():
        if type(module) in _SYNCHRONISED:
            module.__class__ = _SYNCHRONISED[type(module)]


class SyncBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the images of all processes."""

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return _normalised(self, input) if _shared(self) else super().forward(input)


class SyncPooledNorm(PooledNorm):
    """The same for pooled vectors; a process may hold a single image."""

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, 1, 1) -> the same shape."""
        return _normalised(self, input) if _shared(self) else super().forward(input)


_SYNCHRONISED: dict[type[nn.Module], type[nn.Module]] = {
    nn.BatchNorm2d: SyncBatchNorm2d,
    PooledNorm: SyncPooledNorm,
}


def _shared(layer: nn.BatchNorm2d) -> bool:
    return layer.training and collective.size() > 1


def _normalised(layer: nn.BatchNorm2d, input: Tensor) -> Tensor:
    """``input``, normalised by the mean and variance over all processes' images."""
    x = input.float() if input.dtype in (torch.float16, torch.bfloat16) else input
    variance, mean = collective.var_mean(x, (0, 2, 3))
    if layer.track_running_stats:
        count = collective.size() * x.numel() / x.shape[1]
        _track(layer, mean.detach().flatten(), variance.detach().flatten() * count / (count - 1))
    out = (x - mean) * (variance + layer.eps).rsqrt()
    if layer.weight is not None:
        out = out * layer.weight[:, None, None]
    if layer.bias is not None:
        out = out + layer.bias[:, None, None]
    return out.to(input.dtype)


@torch.no_grad()
def _track(layer: nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> None:
    """Move the running statistics, in place."""
    assert layer.running_mean is not None and layer.running_var is not None
    assert layer.num_batches_tracked is not None
    layer.num_batches_tracked.add_(1)
    pace = layer.momentum
    if pace is None:
        pace = 1 / float(layer.num_batches_tracked)
    layer.running_mean.lerp_(mean.to(layer.running_mean), pace)
    layer.running_var.lerp_(variance.to(layer.running_var), pace)
