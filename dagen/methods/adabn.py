"""AdaBN: batch-norm statistics of the target (Li et al., Pattern Recognition 2018).

After training, the running mean and variance of every batch-norm layer are replaced by those of
the target's training images; no weight changes. It is the baseline that an adaptation method has
to beat before it may claim anything (research notes, AdaptSegNet issue 25: 36 to 41 mIoU from
batch norm alone).

Deviation: the paper gives a layer the statistics of one pass. Images come one by one here, so the
first pass normalises each image by itself; a second pass lets deep layers see what they will see
when deployed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from dagen.batch_norm import reestimate
from dagen.errors import UsageError
from dagen.methods.base import Domain, Method
from dagen.settings import Count


class AdaBN(Method):
    """Re-estimates batch-norm statistics on the target when training is over."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            passes: passes over the target's training images.
        """

        passes: Count = 2

    family = "statistics"
    paper = "Li et al., Pattern Recognition 2018"
    streams: ClassVar[frozenset[Domain]] = frozenset({"target"})

    def predictor(
        self, network: nn.Module, target: Callable[[], Iterator[Tensor]] | None
    ) -> nn.Module:
        """``network`` with the target's statistics.

        Raises:
            UsageError: the run has no target, or the network no batch norm.
        """
        if target is None:
            raise UsageError("adabn needs target images; give --tgt, such as --tgt taco.")
        for index in range(self.config.passes):
            reestimate(network, target(), by_batch=index == 0)
        return network
