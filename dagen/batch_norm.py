"""Which domain's images set the batch-norm statistics: an explicit choice, as it alone moves mIoU.

Every training pass is normalised by its own batch, whatever the policy, until the statistics are
frozen. The policy says which passes also update the running statistics, which the deployed network
uses:

============  ============================================================================
``shared``    source and target passes, in turn
``source``    source passes
``target``    target passes; the first one replaces the source's statistics
``separate``  one set per domain: the network has the target's, the source's are kept
              beside it (Chang et al., CVPR 2019) and are used to score the source
============  ============================================================================

If the target is never forwarded, every policy acts like ``source``.

Once ``frozen``, the running statistics no longer change, and the passes that updated them are
normalised by them, as in deployment, so that the network adapts to them (Wu & Johnson, 2021,
arXiv:2105.07576, who freeze them for the last 20 of 100 epochs). The other domain's passes are
still normalised by their own batch. With small batches the two normalisations differ: BiSeNet's
teacher, trained with batches of four and scored on single images, can lose half of its waste IoU by
that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dagen.errors import unknown
from dagen.types import Domain

Policy = Literal["shared", "source", "target", "separate"]


class BatchNormPolicy(nn.Module):
    """Wraps the student's passes and holds the policy's state.

    Attributes:
        frozen: whether the running statistics are frozen; it follows from the step, and so is not
            part of the state.
    """

    target_seen: Tensor

    def __init__(self, student: nn.Module, policy: str) -> None:
        """Find the student's batch-norm layers.

        Args:
            student: the student, which is not registered here.
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
        """Surround one pass of the student over images of ``domain``."""
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
                stack.enter_context(untracked(self._layers))
            elif first and self.policy != "shared":
                stack.enter_context(_replacing(self._layers))
            stack.enter_context(self.swapped(domain))
            yield
        if first:
            self.target_seen.fill_(True)

    def is_frozen(self, domain: Domain) -> bool:
        """Whether training passes over ``domain`` are normalised by the running statistics.

        The first pass over the target is not, however late it comes, if the policy wants the
        target's statistics: until then the running statistics are the source's.
        """
        awaited = domain == "target" and self.policy != "shared" and not self._target_seen()
        return self.frozen and self._updates(domain) and not awaited

    @contextmanager
    def swapped(self, domain: Domain, network: nn.Module | None = None) -> Iterator[None]:
        """Use the running statistics of ``domain`` inside the block.

        Only ``separate`` has two sets; with the other policies this does nothing.

        Args:
            domain: domain whose images are going to be scored.
            network: the student (the default), or a copy of it.
        """
        bound = self._layers if network is None else layers(network)
        if self.policy != "separate" or domain == "target" or not self._target_seen():
            yield
            return
        before = [dict(layer._buffers) for layer in bound]
        # Rebound instead of copied: autograd refuses tensors that change between the passes.
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


def untracked(bound: Sequence[_BatchNorm]) -> AbstractContextManager[None]:
    """Let training passes use the batch's statistics without updating the running ones."""
    return _having(bound, "track_running_stats", False)


def _evaluating(bound: Sequence[_BatchNorm]) -> AbstractContextManager[None]:
    """Let training passes normalise by the running statistics."""
    return _having(bound, "training", False)


def _replacing(bound: Sequence[_BatchNorm]) -> AbstractContextManager[None]:
    """Let a training pass replace the running statistics instead of averaging."""
    return _having(bound, "momentum", 1.0)


@contextmanager
def _having(bound: Sequence[_BatchNorm], attribute: str, value: object) -> Iterator[None]:
    """Set an attribute of these layers inside the block, then restore each layer's own value."""
    before = [getattr(layer, attribute) for layer in bound]
    try:
        for layer in bound:
            setattr(layer, attribute, value)
        yield
    finally:
        for layer, own in zip(bound, before, strict=True):
            setattr(layer, attribute, own)
