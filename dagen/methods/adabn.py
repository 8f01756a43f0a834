"""AdaBN: batch-norm statistics of the target (Li et al., Pattern Recognition 2018).

After training, the running mean and variance of every batch-norm layer are replaced by those of
the target's training images; no weight changes. It is the baseline that an adaptation method has
to beat before it may claim anything (research notes, AdaptSegNet issue 25: 36 to 41 mIoU from
batch norm alone).

The statistics are those of one batch of all images: layer by layer, in the order in which the
network applies them, each layer gets the exact mean and variance of its inputs, after all layers
before it have theirs; see :func:`reestimate`. The order of the images has no influence.

A pass over the images is needed for each layer (105 photographs on ENet at 128x128 took 50 seconds
of one processor), so at most ``images`` of them are used, evenly spaced over the data set: a
deviation from the paper that concerns larger data sets only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dagen.batch_norm import layers
from dagen.errors import DataError, UsageError
from dagen.methods.base import Method, Setting
from dagen.ops import evaluating
from dagen.parameters import Count
from dagen.types import Domain


class AdaBN(Method):
    """Re-estimates batch-norm statistics on the target when training is over."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            images: largest number of target images that the statistics are taken from.
        """

        images: Count = 128

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
        reestimate(network, in_batches(evenly(target, self.config.images)))
        return network


def evenly(images: Callable[[], Iterator[Tensor]], most: int) -> list[Tensor]:
    """At most ``most`` of the images, evenly spaced; all of them if there are no more."""
    count = sum(1 for _ in images())
    chosen = {number * count // most for number in range(most)} if count > most else range(count)
    return [image for index, image in enumerate(images()) if index in chosen]


def in_batches(images: Sequence[Tensor], most: int = 16) -> list[Tensor]:
    """The images in batches of one size each, which takes a third less time."""
    by_shape: dict[torch.Size, list[Tensor]] = {}
    for image in images:
        by_shape.setdefault(image.shape, []).append(image)
    return [
        torch.cat(same[start : start + most])
        for same in by_shape.values()
        for start in range(0, len(same), most)
    ]


@torch.no_grad()
def reestimate(network: nn.Module, images: Sequence[Tensor]) -> None:
    """Replace all running statistics by those of ``images``, in place.

    The result is that of one batch of all images: each layer gets the mean and the unbiased
    variance of its inputs over all pixels of all images, pooled in float64 (Chan et al., 1979),
    while the layers before it normalise by theirs already. That takes one pass for each layer,
    which ends at the layer. A layer that a network applies several times pools all its inputs.

    Args:
        network: its batch-norm layers change; its mode does not. Layers that evaluation does not
            reach (those of auxiliary heads) stay as they are.
        images: (B, 3, H, W) float32 in [0, 1]; sizes may differ.

    Raises:
        UsageError: the network has no batch norm.
        DataError: there is no image.
    """
    if not layers(network):
        raise UsageError("the network has no batch norm: there is nothing to re-estimate.")
    if not images:
        raise DataError("there is no target image to re-estimate batch norm with.")
    device = next(network.parameters()).device
    with evaluating(network):
        for layer, calls in _applied(network, images[0].to(device)).items():
            moments = _Moments()
            for image in images:
                for inputs in _inputs(network, layer, calls, image.to(device)):
                    moments.add(inputs)
            assert layer.running_mean is not None and layer.running_var is not None
            layer.running_mean.copy_(moments.mean)
            layer.running_var.copy_(moments.variance)


def _applied(network: nn.Module, image: Tensor) -> Counter[_BatchNorm]:
    """The layers that a pass applies, in the order of their first use, and how often."""
    found: Counter[_BatchNorm] = Counter()
    handles = [
        layer.register_forward_pre_hook(lambda layer, _: found.update([layer]))
        for layer in layers(network)
    ]
    try:
        network(image)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _inputs(network: nn.Module, layer: _BatchNorm, calls: int, image: Tensor) -> list[Tensor]:
    """The inputs of ``layer`` in a pass, which ends after ``calls`` of them."""
    found: list[Tensor] = []

    def note(layer: _BatchNorm, inputs: tuple[Tensor, ...]) -> None:
        found.append(inputs[0])
        if len(found) == calls:
            raise _Reached

    handle = layer.register_forward_pre_hook(note)
    try:
        network(image)
    except _Reached:
        pass
    finally:
        handle.remove()
    return found


class _Reached(Exception):
    """The pass has come to the layer in question."""


class _Moments:
    """Mean and variance per channel, exact over batches of any size."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = torch.zeros((), dtype=torch.float64)
        self.squares = torch.zeros((), dtype=torch.float64)

    @property
    def variance(self) -> Tensor:
        """The unbiased variance (C,)."""
        return self.squares / max(1, self.count - 1)

    def add(self, x: Tensor) -> None:
        """Add x (B, C, ...)."""
        values = x.double().transpose(0, 1).flatten(1)
        count, mean = values.shape[1], values.mean(1)
        squares = (values - mean[:, None]).square().sum(1)
        total = self.count + count
        gap = mean - self.mean.to(mean.device)
        self.mean = self.mean.to(mean.device) + gap * (count / total)
        between = gap.square() * (self.count * count / total)
        self.squares = self.squares.to(mean.device) + squares + between
        self.count = total
