"""Strategies small enough to check by hand."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from dagen import plugins
from dagen.methods.base import Context, Method
from dagen.parameters import NotNegative
from dagen.types import Batch, Domain, Task


class Tint(Method):
    """Changes the source and owns a parameter, an optimiser and a random first weight."""

    @dataclass(frozen=True)
    class Config:
        shift: NotNegative = 0.25

    streams: ClassVar[frozenset[Domain]] = frozenset({"source"})

    def __init__(self, student: nn.Module, setting: Any, config: Any) -> None:
        super().__init__(student, setting, config)
        self.owned = nn.Parameter(torch.randn(1))
        self.optimizer = torch.optim.SGD([self.owned], lr=1.0)
        self.steps: list[int] = []

    def transform(self, ctx: Context) -> Batch:
        ctx.metrics["shift"] = torch.tensor(self.config.shift)
        source = replace(ctx.source, image=ctx.source.image + self.config.shift)
        return replace(ctx.batch, source=source)

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        assert not torch.equal(ctx.clean.source.image, ctx.source.image)  # type: ignore[union-attr]
        ctx.metrics["owned"] = self.owned.sum()
        return {"size": self.owned.square().sum()}

    def optimizers(self) -> tuple[torch.optim.Optimizer, ...]:
        return (self.optimizer,)

    def after_step(self, student: nn.Module, step: int) -> None:
        self.steps.append(step)

    def predictor(self, network: nn.Module, target: object) -> nn.Module:
        network.get_parameter("head.bias").data.zero_()
        return network


class Needy(Method):
    """Requires tint, serves one task only."""

    requires = ("tint",)
    streams: ClassVar[frozenset[Domain]] = frozenset({"target"})

    needs_checkpoint = True

    @classmethod
    def refuses(cls, task: Task) -> str | None:
        return None if task == Task.MATERIAL else "it knows materials alone"


class Free(Method):
    """Source-free."""

    family = "source-free"
    streams: ClassVar[frozenset[Domain]] = frozenset({"target"})


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the toys ``tint``, ``needy`` and ``free`` strategies beside the others."""
    toys = {"tint": Tint, "needy": Needy, "free": Free}
    get, names = plugins.get, plugins.names
    monkeypatch.setattr(plugins, "get", lambda kind, name: toys.get(name) or get(kind, name))
    monkeypatch.setattr(plugins, "names", lambda kind: [*names(kind), *toys])
