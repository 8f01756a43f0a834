"""TENT: entropy minimisation at test time (Wang et al., ICLR 2021).

For each batch of the stream: predict, then take one step down the mean entropy of these
predictions, ``-sum_c p_c log p_c`` in nats, in the scale and shift of the batch-norm layers
alone. The prediction is the one from before the step.

Deviations: batch norm mixes the images' statistics with the checkpoint's, so that one image will do
(``prior``; the paper's is 0, see :mod:`dagen.methods.shared.online`). Nothing is dropped out. The
entropy is taken at the network's own stride. The paper's rate of 2.5e-4 and SGD are those of its
ImageNet runs with 64 images in a batch; it resets nothing, and neither does this.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn

from dagen.losses import entropy
from dagen.methods.base import Context, Setting
from dagen.methods.shared.online import PRIOR, Online, affine_parameters
from dagen.parameters import NotNegative, Positive


class Tent(Online):
    """Makes the predictions of a stream certain through batch norm alone."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            lr: of SGD with momentum 0.9, per step (paper: 2.5e-4).
            prior: images that the checkpoint's batch-norm statistics count for (paper: 0).
        """

        lr: Positive = 2.5e-4
        prior: NotNegative = PRIOR

    paper = "Wang et al., ICLR 2021"

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        super().__init__(student, setting, config, affine_parameters(student))

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``main``."""
        p = ctx.target_out.logits.float().softmax(1)
        return {"main": entropy(p) * math.log(p.shape[1])}
