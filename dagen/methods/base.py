"""The contract of a strategy.

A strategy is a *part*: one file with one public :class:`Method`. Parts stack
(``--method fda,dacs``): every part may change the images, adds its weighted losses, and owns
whatever it trains beside the student (discriminators, teachers, memories) as submodules and
buffers, so that checkpoints and DDP need no special case. Parts know networks only as modules
that answer :class:`~dagen.types.SegOut`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, ClassVar, Literal, TypeVar

import torch
from torch import Tensor, nn

from dagen.types import Batch, SegOut, Task, View

_T = TypeVar("_T")
Domain = Literal["source", "target"]
Family = Literal[
    "baseline",
    "statistics",
    "entropy",
    "adversarial",
    "style",
    "self-training",
    "metric learning",
    "source-free",
    "generalization",
]


class Context:
    """One step, as the parts see it: each figure is computed once, on first use.

    Attributes:
        student: the network in training mode. Call it through :meth:`forward`.
        batch: the images, as changed by the parts' ``transform`` so far.
        clean: the images as they were loaded, before any part changed them.
        task: what is segmented.
        step: index of this step, from 0.
        steps: number of steps of the run.
        metrics: figures that parts want logged (detached scalars), by name.
        parts: every part of the stack by its plug-in name.
        target_frozen: whether the student's passes over the target are normalised by the running
            statistics in this step (see ``dagen.batch_norm``); a teacher does the same.
        around: makers of context managers that surround each of the student's passes in this
            step; a part may add its own (hooks that live for one pass, say).
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
        parts: dict[str, Method] | None = None,
        domain: Callable[[Domain], AbstractContextManager[None]] | None = None,
        target_frozen: bool = False,
    ) -> None:
        self.student = student
        self.batch = batch
        self.clean = batch
        self.task = task
        self.step = step
        self.steps = steps
        self.seed = seed
        self.parts = parts or {}
        self.target_frozen = target_frozen
        self.metrics: dict[str, Tensor] = {}
        self.around: list[Callable[[Domain], AbstractContextManager[None]]] = []
        if domain is not None:
            self.around.append(domain)
        self._memo: dict[str, Any] = {}

    @property
    def source(self) -> View:
        """The labelled images: the source's, and with few target labels some of the target."""
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
        """The student's answer to ``source.image``, shared by all parts."""
        return self.once("source_out", lambda: self.forward(self.source.image, "source"))

    @property
    def source_domain_out(self) -> SegOut:
        """Of :attr:`source_out`, what answers images of the source: no labelled target images.

        What tells the domains apart, or brings them together, compares this with
        :attr:`target_out`.
        """
        out, rows = self.source_out, self.source.target_rows
        if rows == 0:
            return out
        return SegOut(out.logits[:-rows], out.features[:-rows], tuple(x[:-rows] for x in out.aux))

    @property
    def target_out(self) -> SegOut:
        """The student's answer to ``target.image``, shared by all parts."""
        return self.once("target_out", lambda: self.forward(self.target.image, "target"))

    def forward(self, image: Tensor, domain: Domain) -> SegOut:
        """The student's answer to other images of ``domain`` (mixed, masked ...).

        ``domain`` decides which batch-norm statistics the pass updates. Among the labelled
        images there may be some of the target (``View.target_rows``); these go through the
        student in a pass of their own, as the target's, so that no pass is normalised by
        images of both domains.
        """
        rows = self._target_rows(image, domain)
        if rows == 0:
            return self._pass(image, domain)
        if rows == len(image):
            return self._pass(image, "target")
        ours, theirs = image[:-rows], image[-rows:]
        return _join(self._pass(ours, "source"), self._pass(theirs, "target"))

    def _target_rows(self, image: Tensor, domain: Domain) -> int:
        """How many of the last images are the target's though they stand for the source."""
        source = self.batch.source
        if domain == "target" or source is None or len(image) != len(source.image):
            return 0
        return source.target_rows

    def _pass(self, image: Tensor, domain: Domain) -> SegOut:
        with ExitStack() as stack:
            for surround in self.around:
                stack.enter_context(surround(domain))
            out: SegOut = self.student(image)
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
    """The answers to two batches as one."""
    return SegOut(
        torch.cat([first.logits, second.logits]),
        torch.cat([first.features, second.features]),
        tuple(torch.cat(pair) for pair in zip(first.aux, second.aux, strict=True)),
    )


def hash_seed(seed: int, step: int, name: str) -> int:
    """63 bits from (seed, step, name), the same in every process."""
    digest = blake2b(f"{seed}/{step}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


@dataclass(frozen=True)
class Setting:
    """What a part may know when it is built.

    Attributes:
        task: what is segmented.
        num_classes: with the background.
        feature_channels: of ``SegOut.features``.
        stride: input pixels per side of a cell of the features.
        steps: of the run.
        size: height and width of the training images.
        seed: of the run.
        source_images: of the source in one process's batch.
    """

    task: Task
    num_classes: int
    feature_channels: int
    stride: int
    steps: int
    size: tuple[int, int]
    seed: int = 0
    source_images: int = 2


class Method(nn.Module):
    """Base of every strategy.

    Attributes:
        Config: frozen dataclass of the part's own parameters, each documented with unit and
            source; its defaults are the paper's, rescaled where the docstring says so.
        family: where it belongs in tables.
        paper: short reference, such as ``"Vu et al., CVPR 2019"``.
        streams: the domains whose images it needs.
        salience: whether it needs ``View.salience`` of the target images.
        requires: parts that must stand before it in the stack (added when missing).
        needs_checkpoint: whether it starts from a trained network (``--init``).
        online: whether it adapts to the very images that it is scored on, in one pass over them
            (``dagen.online``), and not in a training run before.
        replaces: whether :meth:`predictor` throws away what parts before it made of the student.
        tasks: the tasks that it can serve.
    """

    @dataclass(frozen=True)
    class Config:
        """No parameters."""

    family: ClassVar[Family] = "baseline"
    paper: ClassVar[str] = ""
    streams: ClassVar[frozenset[Domain]] = frozenset()
    salience: ClassVar[bool] = False
    requires: ClassVar[tuple[str, ...]] = ()
    needs_checkpoint: ClassVar[bool] = False
    online: ClassVar[bool] = False
    replaces: ClassVar[bool] = False
    tasks: ClassVar[tuple[Task, ...]] = tuple(Task)

    def __init__(self, student: nn.Module, setting: Setting, config: Any) -> None:
        """Build the part.

        Args:
            student: the network that will be trained; to read or copy, never to register.
            setting: what the run is about.
            config: an instance of the part's ``Config``.

        Raises:
            UsageError: a parameter outside its range, or a setting that it cannot run in.
        """
        super().__init__()
        self.setting = setting
        self.config = config

    def transform(self, ctx: Context) -> Batch:
        """The images that go in; parts change ``ctx.batch`` one after the other."""
        return ctx.batch

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """Weighted scalar loss terms by name; the loop adds up the terms of all parts."""
        return {}

    def answer(self, ctx: Context) -> Tensor:
        """What an online part predicts for the target images, before this step changes anything.

        Returns:
            (B, C, h, w) logits (or logarithms of probabilities).
        """
        return ctx.target_out.logits

    def normalised(self, network: nn.Module) -> AbstractContextManager[None]:
        """Within, ``network`` normalises as this online part has its passes normalised.

        It is what the part's gain is measured against: the same statistics, and nothing learnt.
        """
        return nullcontext()

    def after_step(self, student: nn.Module, step: int) -> None:
        """Called after the optimisers have stepped (a teacher's moving average, say)."""

    def optimizers(self) -> Iterable[torch.optim.Optimizer]:
        """Optimisers of the part's own parameters, built once.

        The loop steps them and scales their learning rates with the run's schedule.
        """
        return ()

    @property
    def predicts(self) -> bool:
        """Whether :meth:`predictor` changes what is scored."""
        return type(self).predictor is not Method.predictor

    def predictor(
        self, network: nn.Module, target: Callable[[], Iterator[Tensor]] | None
    ) -> nn.Module:
        """The network that is scored and saved; parts change it one after the other.

        Args:
            network: what the parts before this one made of the student (a copy of it).
            target: makes an iterator over all target training images, (B, 3, H, W) in [0, 1]
                without labels; None where the run has no target.
        """
        return network
