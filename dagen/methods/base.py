"""The contract of a strategy.

A strategy is a *part*: one file with one public :class:`Method`. Parts stack
(``--method fda,dacs``): every part may change the images, adds its weighted losses, and owns
everything that it trains besides the student (discriminators, teachers, memories) as submodules and
buffers, so that checkpoints and DDP need no special case. Parts know networks only as modules that
return a :class:`~dagen.types.SegOut`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from dagen.methods._asked import Asked
from dagen.methods._context import Context
from dagen.methods._setting import RunFacts, Setting
from dagen.types import Batch, Domain, Pasting, Task

__all__ = ["Asked", "Context", "Domain", "Family", "Method", "RunFacts", "Setting"]

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
    "pre-training",
    "deployment",
]


class Method(nn.Module):
    """Base of every strategy.

    Attributes:
        Config: frozen dataclass of the part's own parameters, each documented with unit and
            source; its defaults are the paper's, rescaled where the docstring says so.
        family: family of the strategy in tables.
        paper: short reference, such as ``"Vu et al., CVPR 2019"``.
        streams: the domains whose images it needs with default parameters; see also
            :meth:`streams_of`.
        maps: the per-image maps that it always needs, by name (``View.maps``); see also
            :meth:`maps_of`. They come with the target's training images, so not in an online part.
        requires: parts that must come before it in the stack (added if missing).
        needs_checkpoint: whether it starts from a trained network (``--init``).
        online: whether it adapts to the images on which it is scored, in one pass over them
            (``dagen.engine.online``), instead of in a training run before.
        pretrains: whether it makes a start for other runs (``dagen pretrain``): it is alone, learns
            from unlabelled images of both domains, or of the source without a target, all of which
            come as target images, and its network is not scored.
        upright: whether it needs images the right way up, so that no augmentation may turn them.
        replaces: whether :meth:`predictor` discards the network of earlier parts.
        settings: the settings of a run with it, where neither the user nor a recipe gives them: of
            the optimiser (``lr``, ``weight_decay``, ``warmup``, ``power``, ``clip``).
    """

    @dataclass(frozen=True)
    class Config:
        """No parameters."""

    family: ClassVar[Family] = "baseline"
    paper: ClassVar[str] = ""
    streams: ClassVar[frozenset[Domain]] = frozenset()
    maps: ClassVar[frozenset[str]] = frozenset()
    requires: ClassVar[tuple[str, ...]] = ()
    needs_checkpoint: ClassVar[bool] = False
    online: ClassVar[bool] = False
    pretrains: ClassVar[bool] = False
    upright: ClassVar[bool] = False
    replaces: ClassVar[bool] = False
    settings: ClassVar[Mapping[str, float]] = {}

    def __init__(self, student: nn.Module, setting: Setting, config: Any) -> None:
        """Build the part.

        Args:
            student: the network to train; read or copy it, but never register it.
            setting: facts about the run.
            config: an instance of the part's ``Config``.

        Raises:
            UsageError: a network that the part cannot work with.
        """
        super().__init__()
        self.setting = setting
        self.config = config

    @classmethod
    def check(cls, config: Any, facts: RunFacts) -> None:
        """Refuse parameters that cannot work in this run; called before anything is built.

        Args:
            config: an instance of the part's ``Config``, each parameter inside its own range.
            facts: what is known of the run.

        Raises:
            UsageError: parameters that do not fit together, or do not fit the run.
        """

    @classmethod
    def refuses(cls, task: Task) -> str | None:
        """Why the part cannot serve a task, as a phrase for an error; None if it can.

        A part that tells objects from their surroundings refuses tasks without background.
        """
        return None

    @classmethod
    def predicts(cls, config: Any) -> bool:
        """Whether :meth:`predictor` changes what is scored, given the part's parameters."""
        return cls.predictor is not Method.predictor

    @classmethod
    def streams_of(cls, config: Any) -> frozenset[Domain]:
        """The domains whose images it needs with these parameters."""
        return cls.streams

    @classmethod
    def networks_of(cls, config: Any) -> tuple[str, ...]:
        """The trained networks that it asks (``Setting.networks``), as a user writes them.

        Each is a finished run or a deployed file that segments the classes of the run or, in a part
        that pre-trains, any classes, or the name of a network with a pretrained encoder.
        """
        return ()

    @classmethod
    def maps_of(cls, config: Any) -> Mapping[str, Mapping[str, Any]]:
        """The per-image maps that it needs with these parameters.

        Returns:
            By name, as in ``View.maps``, how a teacher's input is prepared (mostly nothing); see
            ``dagen.datasets.maps.teachers``.
        """
        return {name: {} for name in sorted(cls.maps)}

    @classmethod
    def pasting(cls, config: Any) -> Pasting | None:
        """Which objects are pasted on the target images; None for images as they are."""
        return None

    @classmethod
    def passes(cls, config: Any) -> int:
        """An online part's passes over the target's training images, without their labels.

        They come before the stream that it predicts.
        """
        return 0

    def transform(self, ctx: Context) -> Batch:
        """The batch to train on; parts change ``ctx.batch`` one after the other."""
        return ctx.batch

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """Weighted scalar loss terms by name; the loop adds up the terms of all parts."""
        return {}

    def answer(self, ctx: Context) -> Tensor:
        """An online part's prediction for the target images, before this step changes anything.

        Returns:
            (B, C, h, w) logits (or logarithms of probabilities).
        """
        return ctx.target_out.logits

    def normalised(self, network: nn.Module) -> AbstractContextManager[None]:
        """Make ``network`` normalise its inputs as in this online part's passes.

        The part's gain is measured against this: the same statistics, but no learning.
        """
        return nullcontext()

    def after_step(self, student: nn.Module, step: int) -> None:
        """Called after the optimisers' step, for instance to update a teacher's moving average."""

    def optimizers(self) -> Iterable[torch.optim.Optimizer]:
        """Optimisers of the part's own parameters, built once.

        The loop steps them and scales their learning rates with the run's schedule.
        """
        return ()

    def predictor(
        self, network: nn.Module, target: Callable[[], Iterator[Tensor]] | None
    ) -> nn.Module:
        """The network that is scored and saved; parts change it one after the other.

        Args:
            network: the network that earlier parts made from a copy of the student.
            target: makes an iterator over all target training images, (B, 3, H, W) in [0, 1]
                without labels; None if the run has no target.
        """
        return network
