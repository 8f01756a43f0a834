"""SWAD: the average of the weights along the source's loss valley (Cha et al., NeurIPS 2021).

The weights of every step are averaged as :mod:`swa <dagen.methods.swa>` does, from the step at
which the source's validation loss has stopped falling to the step at which it rises again: a flat
minimum, found without looking at another domain. The run is cut into segments. The valley begins
with the first segment whose loss none of the next ``converge - 1`` segments undercuts; the mean
loss of these ``converge`` segments, times ``1 + ratio``, is the ceiling. As in the authors' code,
up to ``tolerance - converge`` segments directly before it belong to the valley, too, as far as none
of them is above the ceiling; the paper has none of them. The valley ends before the first
``tolerance`` segments in a row above the ceiling. Constants come from the authors' code.

Deviations: a part sees no validation split, so every ``held_out``-th source image (by its number in
the data set, whatever its classes and scene) is held out: its label is hidden from all other parts,
and its cross-entropy is taken from the pass that the supervised loss makes anyway. This needs no
extra pass, but it is a training pass: batch statistics, dropout, and whatever the other parts do to
source images. The loss of a segment is the mean over its steps and not the loss at its end; the
weights of a segment are averaged as a whole. Segments above the ceiling at the very end of the run
are left out, as in the authors' code. That code counts the lowest segment twice and leaves out the
one furthest before it; here every step counts once. Running statistics of batch norm are averaged
with the weights, where the authors take another pass over training data. Target images with labels
(of a semi-supervised run) are never held out.

Name it after parts that change source labels (textures) and before parts that change the scored
network (adabn). If the loss falls to the end there is no valley, and the average of the last
segment is scored, as in the authors' code.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from dagen import collective
from dagen.errors import UsageError
from dagen.losses import cross_entropy
from dagen.methods._valley import Mean, Valley
from dagen.methods.base import Context, Method, RunFacts, Setting
from dagen.methods.shared.pseudo import source_label
from dagen.parameters import Count, NotNegative
from dagen.types import IGNORE, Batch, Domain

log = logging.getLogger("dagen")


class Swad(Method):
    """Scores and saves the average of the weights in the loss valley of the source."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            converge: number of segments that begin the valley, of which the first has the lowest
                loss (authors: 3).
            tolerance: number of segments in a row above the ceiling that end the valley (authors:
                6).
            ratio: height of the ceiling above the valley's first losses (authors: 0.3).
            segments: number of segments of the run, with one loss each. Chosen here: 20 segments of
                a run of 500 steps with batch 4 see 20 held-out images each.
            held_out: every ``held_out``-th source image is validated on and not learnt from; at
                least 2 (DomainBed holds a fifth out).
        """

        converge: Count = 3
        tolerance: Count = 6
        ratio: NotNegative = 0.3
        segments: Count = 20
        held_out: Annotated[int, Field(ge=2)] = 5

    family = "generalization"
    paper = "Cha et al., NeurIPS 2021"
    streams: ClassVar[frozenset[Domain]] = frozenset({"source"})
    replaces: ClassVar[bool] = True
    loss: Tensor
    images: Tensor
    steps: Tensor

    @classmethod
    def check(cls, config: Config, facts: RunFacts) -> None:
        """Refuse a patience that is longer than the run."""
        if config.converge > config.segments:
            raise UsageError(
                f"swad.converge is {config.converge}, but the run has only swad.segments = "
                f"{config.segments} segments, so that no valley can begin; give at most as many."
            )

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        """See :class:`Method`."""
        super().__init__(student, setting, config)
        self.interval = max(1, setting.steps // config.segments)
        size = len(_flat(student))
        self.segment = Mean(size)
        self.valley = Valley(size, config.converge, config.tolerance, config.ratio)
        self.register_buffer("loss", torch.tensor(0.0))  # sum over the segment's held-out images
        self.register_buffer("images", torch.tensor(0))  # their number
        self.register_buffer("steps", torch.tensor(0))  # of the run so far

    def transform(self, ctx: Context) -> Batch:
        """Hides the labels of the held-out images."""
        source, label = ctx.source, source_label(ctx)
        held = source.index % self.config.held_out == 0
        held[len(held) - source.target_rows :] = False
        hidden = label.masked_fill(held[:, None, None], IGNORE)
        ctx.once("swad", lambda: (held, label, hidden))
        return replace(ctx.batch, source=replace(source, label=hidden))

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """No terms; adds up the held-out images' loss and logs ``held_out``, its mean so far.

        Raises:
            UsageError: a part after this one has changed the labels.
        """
        held, label, hidden = ctx.once("swad", lambda: _missing())
        if ctx.source.label is not hidden:
            raise UsageError(
                "a part after swad changes source labels; name swad last of the parts "
                "that change source images, such as textures,swad."
            )
        with torch.no_grad():
            seen = label.masked_fill(~held[:, None, None], IGNORE)
            images = collective.total(held.sum())
            loss = collective.mean(cross_entropy(ctx.source_out.logits, seen))
            self.loss += loss * images
            self.images += images
        ctx.metrics["held_out"] = self.loss / self.images.clamp(min=1)
        ctx.metrics["valley_steps"] = self.valley.average.count.float()
        return {}

    def after_step(self, student: nn.Module, step: int) -> None:
        """Adds the weights; closes the segment at its interval, once a held-out loss exists."""
        self.steps += 1
        self.segment.add(_flat(student))
        if (step + 1) % self.interval == 0 and self.images:
            self.valley.take(self.segment, float(self.loss / self.images))
            for value in (self.loss, self.images):
                value.zero_()
            self.segment.clear()

    def predictor(
        self, network: nn.Module, target: Callable[[], Iterator[Tensor]] | None
    ) -> nn.Module:
        """``network`` with the valley's weights and statistics; unchanged before any segment."""
        found = self.valley.found
        if not self.valley.converged and self.steps == self.setting.steps:
            log.warning(
                "swad: the loss of held-out source images has not stopped falling, so there is no "
                "valley; %s is scored. More steps or swad.segments may help.",
                "the average of the last segment" if found is not None else "the student",
            )
        if found is not None:
            _load(network, found)
        return network


@torch.no_grad()
def _flat(network: nn.Module) -> Tensor:
    """All weights and running statistics as one float32 vector."""
    return torch.cat([value.flatten().float() for value in _floats(network)])


@torch.no_grad()
def _load(network: nn.Module, flat: Tensor) -> None:
    values = _floats(network)
    for value, new in zip(values, flat.split([v.numel() for v in values]), strict=True):
        value.copy_(new.view(value.shape))


def _floats(network: nn.Module) -> list[Tensor]:
    return [value for value in network.state_dict().values() if value.is_floating_point()]


def _missing() -> tuple[Tensor, Tensor, Tensor]:
    raise RuntimeError("swad.losses was called before swad.transform")
