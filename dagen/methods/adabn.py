"""AdaBN: batch-norm statistics of the target (Li et al., Pattern Recognition 2018).

After training, the running mean and variance of every batch-norm layer are replaced by those of
the target's training images; no weight changes. It is the baseline that an adaptation method has
to beat before it may claim anything (research notes, AdaptSegNet issue 25: 36 to 41 mIoU from
batch norm alone).

It has no parameters. Images come in the data set's order, one at a time, each as it would be
scored; see :func:`dagen.batch_norm.reestimate` for what each layer sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from torch import Tensor, nn

from dagen.batch_norm import layers, reestimate
from dagen.errors import UsageError
from dagen.methods.base import Method, Setting
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
