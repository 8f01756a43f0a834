"""Mean teacher: the moving average of the student (Tarvainen & Valpola, NeurIPS 2017).

Alone it is weight averaging: it has no loss and no target image, and the average is scored. With
parts that need pseudo-labels (dacs, mic, cbst, proda, object-paste) it predicts the target images
once per step for all of them.

After step t: ``teacher = d * teacher + (1 - d) * student``, parameters and batch-norm statistics
alike, with ``d = min(1 - 1 / (t + 1), decay)``.

The teacher's pass over target images uses no dropout, normalises by the statistics of the batch (by
the running ones once they are frozen) and updates none. It is thus normalised like the student that
learns from its predictions, and a teacher whose running statistics are still the source's (policy
``source``, or the first steps of any policy) does not label the target with them. The running
statistics, which scoring uses, are the average of the student's and so follow the run's batch-norm
policy.

Parts that learn from the teacher report how far the student agrees with it on the target
(:meth:`MeanTeacher.agree`). If the agreement, smoothed, falls by a tenth of the pixels, they drift
apart: one line warns, and ``alarm`` is logged as 1 from then on.

Deviations: the paper's consistency cost is left to the other parts. The default decay follows the
length of the run: the teacher averages over a twelfth of the steps, but never over less than 100,
which is DACS's 0.99. So 0.99 holds up to 1200 steps, and 40,000 have 0.9997 (the paper and
DAFormer: 0.999). A teacher that follows faster in a shorter run is taught by its own last mistakes:
on a toy, 7 steps in a run of 80 lost what 100 keep. The learning rate's schedule is a function of
the share of the steps, too, so the teacher follows it alike in longer runs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dagen import batch_norm
from dagen.errors import UsageError
from dagen.methods.base import Context, Method, RunFacts, Setting
from dagen.methods.shared.pseudo import enlarge, top_class
from dagen.ops import Ema
from dagen.parameters import number_or
from dagen.system.distributed import rank
from dagen.types import SegOut

log = logging.getLogger("dagen")
_FEWEST = 20
"""Fewest steps over which the agreement is averaged."""
_FALL = 0.1
"""Fall of the agreement, in share of the pixels, at which the alarm is given."""


class MeanTeacher(Method):
    """Keeps the average of the student and predicts the target images with it.

    It has to come before parts that change the scored network (adabn), because it replaces every
    weight and statistic.
    """

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            decay: decay of the average per step, in [0, 1] (paper: 0.999; DACS: 0.99); 1 leaves the
                teacher as the student was at the start of the run (``init``), without ``predict``;
                ``run``: so that it averages over a twelfth of the run's steps, and 100 at least.
            predict: whether the teacher, and not the student, is scored and saved.
        """

        decay: Annotated[
            float | Literal["run"], number_or("run", lambda v: 0 <= v <= 1, "a number in [0, 1]")
        ] = "run"
        predict: bool = True

    family = "self-training"
    paper = "Tarvainen & Valpola, NeurIPS 2017"
    replaces: ClassVar[bool] = True
    agreed: Tensor
    best: Tensor
    alarmed: Tensor
    compared: Tensor

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        super().__init__(student, setting, config)
        decay = config.decay
        self.ema = Ema(student, max(0.99, 1 - 12 / setting.steps) if decay == "run" else decay)
        self.register_buffer("agreed", torch.tensor(0.0))
        self.register_buffer("best", torch.tensor(0.0))
        self.register_buffer("alarmed", torch.tensor(False))
        self.register_buffer("compared", torch.tensor(0))

    @classmethod
    def check(cls, config: Config, facts: RunFacts) -> None:
        """Refuse a teacher that never moves and is scored: the run would change nothing."""
        if config.decay == 1 and config.predict:
            raise UsageError(
                "mean-teacher.decay is 1, so the teacher stays as the student was at the start; "
                "set mean-teacher.predict to false, or give a number below 1."
            )

    def output(self, ctx: Context) -> SegOut:
        """The teacher's output for the target images as they were loaded, without gradient."""
        return ctx.once("mean-teacher/output", lambda: self._answer(ctx))

    def probabilities(self, ctx: Context) -> Tensor:
        """Softmax of :meth:`output` at the images' size, (B, C, H, W) float32 without gradient."""

        def compute() -> Tensor:
            return enlarge(self.output(ctx).logits, _target(ctx)).softmax(1)

        return ctx.once("mean-teacher/probabilities", compute)

    @torch.no_grad()
    def agree(self, ctx: Context, name: str, logits: Tensor, where: Tensor | None = None) -> None:
        """Note how far the student agrees with the teacher; logs ``agreement`` and ``alarm``.

        Args:
            ctx: the step.
            name: the part that learns from the teacher, for the warning.
            logits: the student's for the target images, changed or not, (B, C, h, w).
            where: the pixels of (B, H, W) that count; all by default.
        """
        theirs = self.output(ctx).logits
        same = (top_class(logits) == top_class(theirs)).float()
        if where is not None:
            counted = F.interpolate(where[:, None].float(), size=same.shape[-2:])[:, 0]
            share = (same * counted).sum() / counted.sum().clamp(min=1)
        else:
            share = same.mean()
        self.compared += 1
        # A mean at first, then a moving average over a twentieth of the run; a few show nothing.
        window = max(_FEWEST, ctx.steps / 20)
        self.agreed.lerp_(share.float(), max(1 / int(self.compared), 1 / window))
        if int(self.compared) >= window:
            self.best.copy_(torch.maximum(self.best, self.agreed))
        fallen = self.best - self.agreed > _FALL
        if fallen and not self.alarmed:
            self.alarmed.fill_(True)
            if rank() == 0:
                log.warning(
                    "step %d: student and teacher of %s agree on %.0f %% of the target's pixels, "
                    "%.0f %% before: the pseudo-labels drift. Start from a trained network "
                    "(--init), or let it start later (%s.start).",
                    ctx.step, name, 100 * self.agreed, 100 * self.best, name,
                )  # fmt: skip
        ctx.metrics["agreement"] = share
        ctx.metrics["alarm"] = self.alarmed.float()

    @torch.no_grad()
    def _answer(self, ctx: Context) -> SegOut:
        network = self.ema.module.eval()
        bound = batch_norm.layers(network)
        for layer in bound:
            layer.train(not ctx.target_frozen)
        with batch_norm.untracked(bound):
            out: SegOut = network(_target(ctx))
        return out

    def after_step(self, student: nn.Module, step: int) -> None:
        """Updates the average, unless it stays as it is."""
        if self.ema.decay < 1:
            self.ema.update(student, step)

    @classmethod
    def predicts(cls, config: Config) -> bool:
        """Whether the teacher is scored."""
        return config.predict

    def predictor(
        self, network: nn.Module, target: Callable[[], Iterator[Tensor]] | None
    ) -> nn.Module:
        """``network`` with the teacher's weights and statistics, if ``predict`` is set."""
        if self.config.predict:
            network.load_state_dict(self.ema.module.state_dict())
        return network


def teacher_of(ctx: Context) -> MeanTeacher:
    """The mean teacher of this stack, for parts that require it."""
    part = ctx.parts["mean-teacher"]
    assert isinstance(part, MeanTeacher)
    return part


def _target(ctx: Context) -> Tensor:
    if ctx.clean.target is None:
        raise RuntimeError("a part asked for target predictions without naming 'target' in streams")
    return ctx.clean.target.image
