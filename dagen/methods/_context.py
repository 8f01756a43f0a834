"""One training step, as the parts of a stack see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from dagen.system.seeding import hash_seed
from dagen.types import Batch, Domain, SegOut, Task, View

_T = TypeVar("_T")


class Context:
    """One step, as the parts see it; each value is computed once, on first use.

    Attributes:
        student: the network in training mode. Call it through :meth:`forward`.
        batch: the images, as changed by the parts' ``transform`` so far.
        clean: the images as they were loaded, before any part changed them.
        task: what is segmented.
        step: index of this step, from 0.
        steps: number of steps of the run.
        metrics: values that parts want logged (detached scalars), by name.
        parts: every part of the stack by its plug-in name.
        target_frozen: whether the student's passes over the target are normalised by the running
            statistics in this step (see ``dagen.batch_norm``); a teacher does the same.
        around: functions that return a context manager; each of the student's passes in this step
            runs inside all of them. A part may add its own (hooks for one pass, for instance).
    """

    def __init__(
        self,
        student: nn.Module,
        batch: Batch,
        *,
        task: Task,
        step: int,
        steps: int,
        seed: int = 0,
        parts: Mapping[str, nn.Module] | None = None,
        domain: Callable[[Domain], AbstractContextManager[None]] | None = None,
        target_frozen: bool = False,
        call: Callable[[Tensor], SegOut] | None = None,
    ) -> None:
        self.student = student
        self._call = call
        self.batch = batch
        self.clean = batch
        self.task = task
        self.step = step
        self.steps = steps
        self.seed = seed
        self.parts: Mapping[str, nn.Module] = parts or {}
        self.target_frozen = target_frozen
        self.metrics: dict[str, Tensor] = {}
        self.around: list[Callable[[Domain], AbstractContextManager[None]]] = []
        if domain is not None:
            self.around.append(domain)
        self._memo: dict[str, Any] = {}

    @property
    def source(self) -> View:
        """The labelled images of the source and, in a run with target labels, of the target."""
        if self.batch.source is None:
            raise RuntimeError("a part used the source without naming it in streams")
        return self.batch.source

    @property
    def target(self) -> View:
        """The target images; their label is None."""
        if self.batch.target is None:
            raise RuntimeError("a part used the target without naming it in streams")
        return self.batch.target

    @property
    def source_out(self) -> SegOut:
        """The student's output for ``source.image``, shared by all parts."""
        return self.once("source_out", lambda: self.forward(self.source.image, "source"))

    @property
    def source_domain_out(self) -> SegOut:
        """The rows of :attr:`source_out` for source images, without labelled target images.

        Losses that tell the domains apart, or align them, compare this with :attr:`target_out`.
        """
        out, rows = self.source_out, self.source.target_rows
        if rows == 0:
            return out
        return SegOut(out.logits[:-rows], out.features[:-rows], tuple(x[:-rows] for x in out.aux))

    @property
    def target_out(self) -> SegOut:
        """The student's output for ``target.image``, shared by all parts."""
        return self.once("target_out", lambda: self.forward(self.target.image, "target"))

    def forward(self, image: Tensor, domain: Domain) -> SegOut:
        """The student's output for other images of ``domain`` (mixed, masked ...).

        ``domain`` decides which batch-norm statistics the pass updates. Labelled target images in
        the source batch (``View.target_rows``) go through the student in a separate pass, as target
        images, so that no pass is normalised by images of both domains.
        """
        rows = self._target_rows(image, domain)
        if rows == 0:
            return self._pass(image, domain)
        if rows == len(image):
            return self._pass(image, "target")
        ours, theirs = image[:-rows], image[-rows:]
        return _join(self._pass(ours, "source"), self._pass(theirs, "target"))

    def _target_rows(self, image: Tensor, domain: Domain) -> int:
        """How many of the last images come from the target, although the batch is the source's."""
        source = self.batch.source
        if domain == "target" or source is None or len(image) != len(source.image):
            return 0
        return source.target_rows

    def _pass(self, image: Tensor, domain: Domain) -> SegOut:
        with ExitStack() as stack:
            for surround in self.around:
                stack.enter_context(surround(domain))
            out: SegOut = (self._call or self.student)(image)
        return out

    def once(self, key: str, compute: Callable[[], _T]) -> _T:
        """``compute()``, remembered under ``key`` for the rest of the step."""
        if key not in self._memo:
            self._memo[key] = compute()
        value: _T = self._memo[key]
        return value

    def generator(self, name: str) -> torch.Generator:
        """A CPU generator that depends on (seed, step, name) alone: resuming needs no replay."""
        mixed = hash_seed(self.seed, self.step, name)
        return torch.Generator().manual_seed(mixed)


def _join(first: SegOut, second: SegOut) -> SegOut:
    """The outputs for two batches, concatenated."""
    return SegOut(
        torch.cat([first.logits, second.logits]),
        torch.cat([first.features, second.features]),
        tuple(torch.cat(pair) for pair in zip(first.aux, second.aux, strict=True)),
    )
