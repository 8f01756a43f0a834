"""The student and its strategies as one module, for the training loop and DDP."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from dagen import plugins
from dagen.batch_norm import BatchNormPolicy
from dagen.collective import sharing
from dagen.methods.base import Context, Method, Setting
from dagen.runs.parts import Parts
from dagen.system.distributed import rank
from dagen.system.seeding import hash_seed
from dagen.types import Batch, Domain, SegOut


class Stack(nn.Module):
    """A student and the parts that train it.

    Parts share one context, so that the student forwards each domain once for all parts.

    Attributes:
        student: the network that is trained.
        parts: the strategies by name, in the order in which they act.
        batch_norm: which domain's images set the running statistics.
        setting: facts about the run.
        declared: declarations of the parts: streams, maps, parameters.
        call: computes the student's passes in its place, if it is not None.
    """

    call: Callable[[Tensor], SegOut] | None = None

    def __init__(
        self,
        student: nn.Module,
        parts: Parts,
        setting: Setting,
        batch_norm: str = "source",
        freeze_batch_norm: float = 1.0,
    ) -> None:
        """Build the parts.

        Args:
            student: the student, which is registered here.
            parts: the strategies and their parameters, checked.
            setting: facts about the run.
            batch_norm: a policy of :class:`~dagen.batch_norm.BatchNormPolicy`.
            freeze_batch_norm: share of the steps after which its running statistics are frozen;
                1 means never. Online parts normalise in their own way.

        Raises:
            UsageError: a part cannot work with this network.
        """
        super().__init__()
        self.setting = setting
        self.student = student
        self.batch_norm = BatchNormPolicy(student, batch_norm)
        self.parts = nn.ModuleDict(
            {name: _build(name, student, setting, own) for name, own in parts.configs.items()}
        )
        self.declared = parts
        never = parts.online is not None or freeze_batch_norm >= 1
        self._freeze = math.inf if never else freeze_batch_norm * setting.steps

    def forward(self, batch: Batch, step: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """One step's loss terms and logged values, both by ``part/name``.

        Args:
            batch: the images; the target has no label.
            step: index of the step, from 0.

        Returns:
            The weighted loss terms (minimise their sum) and detached scalars.
        """
        with sharing():
            return self._step(batch, step)[1:]

    def answer(
        self, batch: Batch, step: int
    ) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        """Like :meth:`forward`, preceded by the online part's prediction for the target images."""
        ctx, losses, metrics = self._step(batch, step)
        return self.online_part.answer(ctx).detach(), losses, metrics

    @property
    def online_part(self) -> Method:
        """The part that adapts to a stream of images."""
        part = self.parts[self.declared.online or ""]
        assert isinstance(part, Method)
        return part

    def _step(
        self, batch: Batch, step: int
    ) -> tuple[Context, dict[str, Tensor], dict[str, Tensor]]:
        parts = dict(self._each())
        self.batch_norm.frozen = step >= self._freeze
        ctx = Context(
            self.student,
            batch,
            task=self.setting.task,
            step=step,
            steps=self.setting.steps,
            # Processes see different images and must not all draw the same augmentation.
            seed=self.setting.seed + (rank() << 32),
            parts=parts,
            domain=self.batch_norm.domain,
            target_frozen=self.batch_norm.is_frozen("target"),
            call=self.call,
        )
        losses: dict[str, Tensor] = {}
        metrics: dict[str, Tensor] = {}

        def collect(name: str) -> None:
            metrics.update({f"{name}/{k}": v.detach() for k, v in ctx.metrics.items()})
            ctx.metrics.clear()

        for name, part in parts.items():
            ctx.batch = part.transform(ctx)
            collect(name)
        for name, part in parts.items():
            losses.update({f"{name}/{k}": v for k, v in part.losses(ctx).items()})
            collect(name)
        return ctx, losses, metrics

    def after_step(self, step: int) -> None:
        """Call this after the optimisers' step."""
        for _, part in self._each():
            part.after_step(self.student, step)

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """The parts' own optimisers, always in the same order."""
        return [optimizer for _, part in self._each() for optimizer in part.optimizers()]

    def predictor(self, target: Callable[[], Iterator[Tensor]] | None = None) -> nn.Module:
        """A copy of the student, changed by the parts for scoring and saving, in evaluation mode.

        Args:
            target: makes an iterator over all target training images, (B, 3, H, W) in [0, 1].
        """
        network = copy.deepcopy(self.student).eval()
        for _, part in self._each():
            network = part.predictor(network, target)
        return network.eval()

    def scoring(self, network: nn.Module, domain: Domain) -> AbstractContextManager[None]:
        """Prepare ``network``, built like the student, for scoring on ``domain`` in the block."""
        return self.batch_norm.swapped(domain, network)

    def _each(self) -> Iterator[tuple[str, Method]]:
        for name, part in self.parts.items():
            assert isinstance(part, Method)
            yield name, part


def _build(name: str, student: nn.Module, setting: Setting, config: Any) -> Method:
    """The part; its initial weights depend on seed and name alone, not on other parts."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(hash_seed(setting.seed, 0, f"part/{name}"))
        part: Method = plugins.get("methods", name)(student, setting, config)
    return part
