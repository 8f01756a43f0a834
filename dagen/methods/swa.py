"""SWA: the average of the weights along the end of training (Izmailov et al., UAI 2018).

The student's weights are averaged over every step of the last ``fraction`` of the run, and the
average is scored and saved: it lies in a flatter part of the loss and generalises better. Averaging
each step and not each epoch is what SWAD does (Cha et al., NeurIPS 2021); SWAD finds start and end
from a validation loss; here they are given, because the source's validation loss is near zero long
before and says nothing about other domains.

Deviations: the schedule of the run is kept, where SWA uses a constant or cyclic rate. The
running statistics of batch norm are averaged with the weights, where SWA takes another pass
over the training data: a predictor has no source images, and over the end of a decaying
schedule the two hardly differ. To fit the statistics to the target, name ``adabn`` after this part.
The average replaces whatever earlier parts would score, a teacher included: with a part that needs
a teacher, set ``mean-teacher.predict = false`` to score the student's average.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from dagen.methods.base import Method, Setting
from dagen.ops import ema_update


class Swa(Method):
    """Scores and saves the average of the late weights."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            fraction: share of the run's steps, the last ones, that is averaged; above 0, at most 1.
        """

        fraction: Annotated[float, Field(gt=0, le=1)] = 0.5

    family = "generalization"
    paper = "Izmailov et al., UAI 2018"
    replaces: ClassVar[bool] = True
    averaged: Tensor

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        """See :class:`Method`."""
        super().__init__(student, setting, config)
        self.average = deepcopy(student).requires_grad_(False)
        self.register_buffer("averaged", torch.tensor(0))
        self.start = setting.steps - max(1, round(config.fraction * setting.steps))

    def after_step(self, student: nn.Module, step: int) -> None:
        """Add the student's weights to the average, from step ``start`` on."""
        if step >= self.start:
            self.averaged += 1
            ema_update(self.average, student, 1 - 1 / int(self.averaged))

    def predictor(
        self, network: nn.Module, target: Callable[[], Iterator[Tensor]] | None
    ) -> nn.Module:
        """A copy of the average, or ``network`` as long as there is none."""
        return deepcopy(self.average) if self.averaged else network
