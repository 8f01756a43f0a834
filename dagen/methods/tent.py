"""TENT: entropy minimisation at test time (Wang et al., ICLR 2021).

For each batch of the stream: predict, then take one gradient step that lowers the mean entropy of
these predictions, ``-sum_c p_c log p_c`` in nats. Only the scale and shift of the batch-norm layers
change. The prediction is the one from before the step.

Deviations: batch norm mixes the images' statistics with the checkpoint's, so that one image is
enough (``prior``; the paper's is 0, see :mod:`dagen.methods.shared.online`). There is no dropout.
The entropy is taken at the network's own stride. The learning rate follows the length of the
stream: the paper's 2.5e-4 is for 50,000 images in batches of 64, and on 70 photographs it changed a
thousandth of the pixels. Nothing is reset, as in the paper.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn

from dagen.losses import entropy
from dagen.methods.base import Context, Setting
from dagen.methods.shared.online import PRIOR, Online, Rate, affine_parameters
from dagen.parameters import NotNegative, Steps


class Tent(Online):
    """Makes the predictions for a stream certain by changing batch norm alone."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            lr: learning rate of SGD with momentum 0.9 (paper: 2.5e-4); ``stream``: by the stream's
                length.
            prior: number of images that the checkpoint's batch-norm statistics count as (paper: 0).
            passes: passes over the target's unlabelled training images before the stream.
        """

        lr: Rate = "stream"
        prior: NotNegative = PRIOR
        passes: Steps = 0

    paper = "Wang et al., ICLR 2021"

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        super().__init__(student, setting, config, affine_parameters(student))

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``main``."""
        p = ctx.target_out.logits.float().softmax(1)
        return {"main": entropy(p) * math.log(p.shape[1])}
