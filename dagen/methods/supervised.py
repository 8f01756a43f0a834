"""Supervised training on the source: the baseline of every other part.

Alone it is the source-only baseline; with the target's data set as the source it is the oracle.
The run's ``loss`` says which loss; the reference of this task, Cascina et al. (arXiv:2310.19407),
reports that focal plus Lovász loss beats cross-entropy. Auxiliary heads get the same loss, each
with the weight that the network itself declares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from dagen.criteria.base import create
from dagen.errors import UsageError
from dagen.methods.base import Context, Method, RunFacts, Setting
from dagen.parameters import NotNegative
from dagen.types import Domain


class Supervised(Method):
    """The run's loss on the labelled source."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            weight: factor of all loss terms.
            loss: an older way to write the run's ``loss``, without parameters: ``cross-entropy``,
                which leaves it to the run, ``focal``, or ``focal+lovasz``.
            class_weights: ``none``, or ``enet``: 1 / ln(1.02 + share of the class's pixels)
                (Paszke et al., 2016) in cross-entropy and focal loss, for stacks and recipes that
                are made with it; see the loss ``weighted``.
        """

        weight: NotNegative = 1.0
        loss: Literal["cross-entropy", "focal", "focal+lovasz"] = "cross-entropy"
        class_weights: Literal["none", "enet"] = "none"

    family = "baseline"
    paper = "Cascina et al., arXiv:2310.19407"
    streams: ClassVar[frozenset[Domain]] = frozenset({"source"})

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        super().__init__(student, setting, config)
        self.aux_weights = tuple(getattr(student, "aux_weights", ()))
        self.loss = create(*_loss(config, setting), setting.num_classes)

    @classmethod
    def check(cls, config: Config, facts: RunFacts) -> None:
        """Refuse two losses, and weights of classes beside a loss that has its own or none."""
        own = (facts.loss, dict(facts.loss_options)) != ("cross-entropy", {})
        if own and config.loss != "cross-entropy":
            raise UsageError(
                f"loss is {facts.loss} and supervised.loss is {config.loss}; leave the second out."
            )
        if own and config.class_weights != "none":
            raise UsageError(
                f"supervised.class_weights is {config.class_weights}, and the loss is "
                f"{facts.loss}; leave class_weights out, and name the loss weighted, or focal with "
                "loss.weights='enet'."
            )
        create(*_loss(config, facts), facts.num_classes)

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``main``, and ``aux0`` ... for the auxiliary heads."""
        out, label = ctx.source_out, _labels(ctx)
        self.loss.observe(label)
        terms = {"main": self.config.weight * self.loss(out.logits, label)}
        for i, (logits, share) in enumerate(zip(out.aux, self.aux_weights, strict=True)):
            terms[f"aux{i}"] = self.config.weight * share * self.loss(logits, label)
        return terms


def _loss(config: Supervised.Config, facts: RunFacts) -> tuple[str, Mapping[str, Any]]:
    """The loss and its parameters; class weights change cross-entropy and focal loss alone."""
    if config.loss == "cross-entropy" and config.class_weights == "none":
        return facts.loss, facts.loss_options
    if config.class_weights == "none":
        return config.loss, {}
    if config.loss == "cross-entropy":
        return "weighted", {}
    return config.loss, {"focal": {"weights": config.class_weights}}


def _labels(ctx: Context) -> Tensor:
    if ctx.source.label is None:
        raise RuntimeError("supervised needs source labels; the loader gave none")
    return ctx.source.label
