"""Whose images the batch-norm statistics are of: an explicit choice, because it alone moves mIoU.

Every training pass is normalised by its own batch, whatever the policy, until the statistics are
frozen. The policy says which passes also update the running statistics, those that the deployed
network uses:

============  ============================================================================
``shared``    source and target passes, in turn
``source``    source passes
``target``    target passes; the first one replaces what the source left there
``separate``  each domain its own: the network carries the target's, the source's are kept
              beside it (Chang et al., CVPR 2019) and serve to score the source
============  ============================================================================

Where the target is never forwarded, every policy acts as ``source``.

Once ``frozen``, the running statistics stand still, and the passes that updated them are
normalised by them, as in deployment: the network learns to live with them (Wu & Johnson, 2021,
arXiv:2105.07576, who freeze them for the last 20 of 100 epochs). The other domain's passes are
still normalised by their own batch. With few images in a batch the two ways differ: BiSeNet's
teacher, trained with four and scored one by one, can lose half of its waste IoU to that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dagen.errors import DataError, UsageError, unknown
from dagen.types import Domain

Policy = Literal["shared", "source", "target", "separate"]


class BatchNormPolicy(nn.Module):
    """Wraps the student's passes; owns what the policy has to remember.

    Attributes:
        frozen: whether the running statistics stand still; a matter of the step, and so no
            part of the state.
    """

    target_seen: Tensor

    def __init__(self, student: nn.Module, policy: str) -> None:
        """Take note of the student's batch-norm layers.

        Args:
            student: it is not registered here.
            policy: one of ``Policy``.

        Raises:
            UsageError: an unknown policy.
        """
        super().__init__()
        if policy not in get_args(Policy):
            raise unknown("batch-norm policy", policy, get_args(Policy))
        self.policy = policy
        self.frozen = False
        self._layers = layers(student)  # a plain list: the student registers them
        self.register_buffer("target_seen", torch.tensor(False))
        kept = self._layers if policy == "separate" else []
        self.source_statistics = nn.ModuleList(_Statistics(layer) for layer in kept)

    @contextmanager
    def domain(self, domain: Domain) -> Iterator[None]:
        """Around one pass of the student over images of ``domain``."""
        if self.is_frozen(domain):
            with _evaluating(self._layers), self.swapped(domain):
                yield
            return
        training = any(layer.training for layer in self._layers)
        first = domain == "target" and training and not self._target_seen()
        if first and self.policy == "separate":
            for kept, layer in zip(self.source_statistics, self._layers, strict=True):
                kept.load_state_dict(_Statistics(layer).state_dict())
        with ExitStack() as stack:
            if not self._updates(domain):
                stack.enter_context(_without_update(self._layers))
            elif first and self.policy != "shared":
                stack.enter_context(_replacing(self._layers))
            stack.enter_context(self.swapped(domain))
            yield
        if first:
            self.target_seen.fill_(True)

    def is_frozen(self, domain: Domain) -> bool:
        """Whether training passes over ``domain`` are normalised by the running statistics.

        The first pass over the target is not, however late it comes: until then they are the
        source's, where those of the target are asked for.
        """
        awaited = domain == "target" and self.policy != "shared" and not self._target_seen()
        return self.frozen and self._updates(domain) and not awaited

    @contextmanager
    def swapped(self, domain: Domain, network: nn.Module | None = None) -> Iterator[None]:
        """Within, the running statistics in use are those of ``domain``.

        Only ``separate`` has two kinds; under the others this does nothing.

        Args:
            domain: whose images are going to be scored.
            network: the student by default, or a copy of it.
        """
        bound = self._layers if network is None else layers(network)
        if self.policy != "separate" or domain == "target" or not self._target_seen():
            yield
            return
        before = [dict(layer._buffers) for layer in bound]
        # Bound anew instead of copied: autograd refuses tensors that change between the passes.
        try:
            for kept, layer in zip(self.source_statistics, bound, strict=True):
                layer._buffers.update(kept._buffers)
            yield
        finally:
            for layer, buffers in zip(bound, before, strict=True):
                layer._buffers.update(buffers)

    def _updates(self, domain: Domain) -> bool:
        if domain == "target":
            return self.policy != "source"
        return self.policy != "target" or not self._target_seen()

    def _target_seen(self) -> bool:
        return bool(self.target_seen)


class _Statistics(nn.Module):
    """The running statistics of one batch-norm layer, under the layer's own names."""

    def __init__(self, layer: _BatchNorm) -> None:
        super().__init__()
        for name, value in layer.named_buffers(recurse=False):
            self.register_buffer(name, value.detach().clone())


def layers(network: nn.Module) -> list[_BatchNorm]:
    """The batch-norm layers of ``network`` that keep running statistics, in order."""
    return [
        module
        for module in network.modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats
    ]


@contextmanager
def _without_update(bound: list[_BatchNorm]) -> Iterator[None]:
    """Training passes use the batch's statistics and leave the running ones alone."""
    try:
        for layer in bound:
            layer.track_running_stats = False
        yield
    finally:
        for layer in bound:
            layer.track_running_stats = True


@contextmanager
def _evaluating(bound: list[_BatchNorm]) -> Iterator[None]:
    """Training passes are normalised by the running statistics."""
    modes = [layer.training for layer in bound]
    try:
        for layer in bound:
            layer.training = False
        yield
    finally:
        for layer, training in zip(bound, modes, strict=True):
            layer.training = training


@contextmanager
def _replacing(bound: list[_BatchNorm]) -> Iterator[None]:
    """The next training pass forgets the running statistics instead of moving them."""
    momenta = [layer.momentum for layer in bound]
    try:
        for layer in bound:
            layer.momentum = 1.0
        yield
    finally:
        for layer, momentum in zip(bound, momenta, strict=True):
            layer.momentum = momentum


@torch.no_grad()
def reestimate(network: nn.Module, images: Iterator[Tensor]) -> None:
    """Replace all running statistics by those of ``images`` (AdaBN, Li et al., 2018), in place.

    Each layer gets the exact mean and variance of its inputs over all images, pooled over the
    batches in float64 (Chan et al., 1979), and not the mean of the batches' variances. On the
    way each layer normalises by what it has pooled so far. Measured with single images on ENet
    and BiSeNet, this comes near to one batch of all images, where normalising each image by
    itself does not (seven times the error on BiSeNet), and a second pass with the statistics of
    a first lets errors grow from layer to layer.

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
    modes = {module: module.training for module in network.modules()}
    device = next(network.parameters()).device

    def pool(layer: _BatchNorm, inputs: tuple[Tensor, ...]) -> None:
        mean, variance = moments[layer].add(inputs[0])
        assert layer.running_mean is not None and layer.running_var is not None
        layer.running_mean.copy_(mean)
        layer.running_var.copy_(variance)

    handles = [layer.register_forward_pre_hook(pool) for layer in bound]
    try:
        network.eval()  # layers of auxiliary heads see nothing and keep what they have
        for image in images:
            network(image.to(device))
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode
    if not any(moment.count for moment in moments.values()):
        raise DataError("there is no target image to re-estimate batch norm with.")


class _Moments:
    """Mean and variance per channel, exact over batches of any size."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = torch.zeros((), dtype=torch.float64)
        self.squares = torch.zeros((), dtype=torch.float64)

    def add(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Take in x (B, C, ...); answers mean and unbiased variance (C,) of all so far."""
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
