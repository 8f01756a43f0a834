"""AdaBN: batch-norm statistics of the target (Li et al., Pattern Recognition 2018).

After training, the running mean and variance of every batch-norm layer are replaced by those of
the target's training images; no weight changes. It is the baseline that an adaptation method has
to beat before it may claim anything (research notes, AdaptSegNet issue 25: 36 to 41 mIoU from
batch norm alone).

It has no parameters. Images come in the data set's order, one at a time, each as it would be
scored; see :func:`reestimate` for what each layer sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dagen.batch_norm import layers
from dagen.errors import DataError, UsageError
from dagen.methods.base import Method, Setting
from dagen.ops import evaluating
from dagen.types import Domain


class AdaBN(Method):
    """Re-estimates batch-norm statistics on the target when training is over."""

    family = "statistics"
    paper = "Li et al., Pattern Recognition 2018"
    streams: ClassVar[frozenset[Domain]] = frozenset({"target"})

    def __init__(self, student: nn.Module, setting: Setting, config: Any) -> None:
        """See :class:`Method`.

        Raises:
            UsageError: the network has no batch norm.
        """
        super().__init__(student, setting, config)
        if not layers(student):
            raise UsageError("adabn needs a network with batch norm, and this one has none.")

    def predictor(
        self, network: nn.Module, target: Callable[[], Iterator[Tensor]] | None
    ) -> nn.Module:
        """``network`` with the target's statistics.

        Raises:
            UsageError: the run has no target.
        """
        if target is None:
            raise UsageError("adabn needs target images; give --tgt, such as --tgt taco.")
        reestimate(network, target())
        return network


@torch.no_grad()
def reestimate(network: nn.Module, images: Iterator[Tensor]) -> None:
    """Replace all running statistics by those of ``images``, in place.

    Each layer gets the exact mean and variance of its inputs over all images, pooled over the
    batches in float64 (Chan et al., 1979), and not the mean of the batches' variances. Meanwhile
    each layer normalises by the moments pooled so far. Measured with single images on ENet and
    BiSeNet, this comes near to one batch of all images. Normalising each image by itself does not
    (seven times the error on BiSeNet), and a second pass with the statistics of a first lets errors
    grow from layer to layer.

    Args:
        network: its batch-norm layers change; its mode does not.
        images: (B, 3, H, W) float32 in [0, 1]; sizes may differ from batch to batch.

    Raises:
        UsageError: the network has no batch norm.
        DataError: there is no image.
    """
    bound = layers(network)
    if not bound:
        raise UsageError("the network has no batch norm: there is nothing to re-estimate.")
    moments = {layer: _Moments() for layer in bound}
    device = next(network.parameters()).device

    def pool(layer: _BatchNorm, inputs: tuple[Tensor, ...]) -> None:
        mean, variance = moments[layer].add(inputs[0])
        assert layer.running_mean is not None and layer.running_var is not None
        layer.running_mean.copy_(mean)
        layer.running_var.copy_(variance)

    handles = [layer.register_forward_pre_hook(pool) for layer in bound]
    try:
        with evaluating(network):  # auxiliary heads' layers see nothing and do not change
            for image in images:
                network(image.to(device))
    finally:
        for handle in handles:
            handle.remove()
    if not any(moment.count for moment in moments.values()):
        raise DataError("there is no target image to re-estimate batch norm with.")


class _Moments:
    """Mean and variance per channel, exact over batches of any size."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = torch.zeros((), dtype=torch.float64)
        self.squares = torch.zeros((), dtype=torch.float64)

    def add(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Add x (B, C, ...); returns the mean and unbiased variance (C,) of everything so far."""
        values = x.double().transpose(0, 1).flatten(1)
        count, mean = values.shape[1], values.mean(1)
        squares = (values - mean[:, None]).square().sum(1)
        total = self.count + count
        gap = mean - self.mean.to(mean.device)
        self.mean = self.mean.to(mean.device) + gap * (count / total)
        between = gap.square() * (self.count * count / total)
        self.squares = self.squares.to(mean.device) + squares + between
        self.count = total
        return self.mean, self.squares / max(1, total - 1)
