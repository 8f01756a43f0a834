"""CoTTA: continual test-time adaptation (Wang et al., CVPR 2022).

A teacher, the moving average of the student, predicts; all weights of the student learn these
predictions by cross-entropy. If the checkpoint itself is unsure of the images (its mean confidence
is below ``confidence``), the teacher's prediction is averaged over views of them. After each step a
random share ``restore`` of the weights is reset to the checkpoint's values. The stream is predicted
by the teacher as it was before the step.

The views are averaged as probabilities, as in the paper's equation and in the multi-scale tests of
segmentation; the authors' code for classification averages logits.

Deviations: the views have the sizes ``scales``, each also mirrored. The paper's seven from 0.5 to 2
are for frames of 960x540 and would cost 24 passes of the network per image; these cost 10. The
average over the views is also the prediction, as in the authors' code. Batch norm mixes statistics
in every pass, also in the teacher's and the checkpoint's (see :mod:`dagen.methods.shared.online`).
The learning rate comes from a later comparison on convolutional networks (2.5e-4 with SGD over 750
to 1,170 batches; Döbler et al., CVPR 2023) and follows the length of the stream; the paper's Adam
at 7.5e-6 is for transformers. So does the teacher's decay: the paper's 0.999 averages over a
thousand images, of streams of several thousand, and would stand still on a short one. By default
the teacher averages over a quarter of the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from dagen.methods.base import Context, Setting
from dagen.methods.shared.online import PRIOR, Online, Rate, deployed_parameters
from dagen.ops import ema_update
from dagen.parameters import Fraction, NotNegative, Positive, Steps, number_or
from dagen.system.seeding import hash_seed

_HORIZON = 0.25
"""Share of the stream over which the teacher averages."""


class CoTTA(Online):
    """Learns from its own moving average over a stream and resets a few weights in each step."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            lr: learning rate of SGD with momentum 0.9; ``stream``: by the stream's length.
            prior: number of images that the checkpoint's batch-norm statistics count as (paper: 0).
            passes: passes over the target's unlabelled training images before the stream.
            decay: decay of the teacher per step, in [0, 1) (paper: 0.999); ``stream``: so that it
                averages over a quarter of the stream.
            restore: share of the weights that are reset in each step (paper: 0.01).
            confidence: the checkpoint's mean confidence below which views are averaged (0.9 in the
                comparison; the paper derives it from the source's confidence).
            scales: sizes of these views relative to the image.
        """

        lr: Rate = "stream"
        prior: NotNegative = PRIOR
        passes: Steps = 0
        decay: Annotated[
            float | Literal["stream"],
            number_or("stream", lambda v: 0 <= v < 1, "a number in [0, 1)"),
        ] = "stream"
        restore: Fraction = 0.01
        confidence: Fraction = 0.9
        scales: Annotated[tuple[Positive, ...], Field(min_length=1)] = (0.75, 1.0, 1.25, 1.5)

    paper = "Wang et al., CVPR 2022"

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        super().__init__(student, setting, config, list(deployed_parameters(student).values()))
        self.teacher = deepcopy(student).requires_grad_(False)
        self.checkpoint = deepcopy(student).requires_grad_(False)
        self._multiple = int(getattr(student, "multiple", 1))

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``main``; logs the checkpoint's ``confidence`` and whether views were ``averaged``."""
        taught = self._taught(ctx)
        log_p = ctx.target_out.logits.float().log_softmax(1)
        return {"main": -(taught * log_p).sum(1).mean()}

    def answer(self, ctx: Context) -> Tensor:
        """The logarithm of the teacher's probabilities."""
        return self._taught(ctx).clamp(min=1e-30).log()

    def after_step(self, student: nn.Module, step: int) -> None:
        """Moves the teacher, then restores a few weights of the student."""
        decay = self.config.decay
        if decay == "stream":
            decay = max(0.0, 1 - self.share / _HORIZON)
        ema_update(self.teacher, student, decay)
        draw = torch.Generator().manual_seed(hash_seed(self.setting.seed, step, "cotta/restore"))
        first = dict(self.checkpoint.named_parameters())
        with torch.no_grad():
            for name, weight in deployed_parameters(student).items():
                back = torch.rand(weight.shape, generator=draw) < self.config.restore
                weight.copy_(torch.where(back.to(weight.device), first[name], weight))

    def predictor(
        self, network: nn.Module, target: Callable[[], Iterator[Tensor]] | None
    ) -> nn.Module:
        """``network`` with the teacher's weights and the statistics that the stream has used."""
        network.load_state_dict(self.teacher.state_dict())
        return super().predictor(network, target)

    def _taught(self, ctx: Context) -> Tensor:
        """The probabilities that the student learns, (B, C, h, w) at the network's stride."""
        return ctx.once("cotta/taught", lambda: self._teach(ctx))

    @torch.no_grad()
    def _teach(self, ctx: Context) -> Tensor:
        image = ctx.target.image
        plain = self._probabilities(self.teacher, image)
        confidence = self._probabilities(self.checkpoint, image).amax(1).mean()
        unsure = bool(confidence < self.config.confidence)
        ctx.metrics["confidence"] = confidence
        ctx.metrics["averaged"] = torch.tensor(float(unsure))
        return self.averaged(image, plain) if unsure else plain

    def averaged(self, image: Tensor, plain: Tensor) -> Tensor:
        """The teacher's mean over all views.

        Args:
            image: (B, 3, H, W).
            plain: the teacher's probabilities for ``image``, (B, C, h, w); the mean has this size.
        """
        views = []
        for scale in self.config.scales:
            view = _resize(image, [self._side(side * scale) for side in image.shape[-2:]])
            mirrored = self._probabilities(self.teacher, view.flip(-1)).flip(-1)
            same = view.shape == image.shape
            views += [plain if same else self._probabilities(self.teacher, view), mirrored]
        mean: Tensor = torch.stack([_resize(p, list(plain.shape[-2:])) for p in views]).mean(0)
        return mean

    def _side(self, pixels: float) -> int:
        return max(1, round(pixels / self._multiple)) * self._multiple

    def _probabilities(self, network: nn.Module, image: Tensor) -> Tensor:
        with self.normalised(network):
            p: Tensor = network(image).logits.float().softmax(1)
        return p


def _resize(x: Tensor, size: list[int]) -> Tensor:
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)
