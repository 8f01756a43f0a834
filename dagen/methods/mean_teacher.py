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

Deviations: the paper's consistency cost is left to the other parts. The default decay is DACS's
0.99: an average over 1 / (1 - decay) = 100 steps suits budgets of 500 to 2000 steps; the 0.999 of
the paper and of DAFormer is meant for 40,000.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from dagen import batch_norm
from dagen.methods.base import Context, Method, Setting
from dagen.methods.shared.pseudo import enlarge
from dagen.ops import Ema
from dagen.types import SegOut


class MeanTeacher(Method):
    """Keeps the average of the student and predicts the target images with it.

    It has to come before parts that change the scored network (adabn), because it replaces every
    weight and statistic.
    """

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            decay: decay of the average per step, in [0, 1) (paper: 0.999; DACS: 0.99).
            predict: whether the teacher, and not the student, is scored and saved.
        """

        decay: Annotated[float, Field(ge=0, lt=1)] = 0.99
        predict: bool = True

    family = "self-training"
    paper = "Tarvainen & Valpola, NeurIPS 2017"
    replaces: ClassVar[bool] = True

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        super().__init__(student, setting, config)
        self.ema = Ema(student, config.decay)

    def output(self, ctx: Context) -> SegOut:
        """The teacher's output for the target images as they were loaded, without gradient."""
        return ctx.once("mean-teacher/output", lambda: self._answer(ctx))

    def probabilities(self, ctx: Context) -> Tensor:
        """Softmax of :meth:`output` at the images' size, (B, C, H, W) float32 without gradient."""

        def compute() -> Tensor:
            return enlarge(self.output(ctx).logits, _target(ctx)).softmax(1)

        return ctx.once("mean-teacher/probabilities", compute)

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
        """Updates the average."""
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
