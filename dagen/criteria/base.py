"""The contract of a loss of labelled images (``--loss NAME``), and sums of them.

A loss is one file with one public :class:`Loss`; its name is the file's name. ``focal+dice`` is the
sum of two. Parameters are given as ``--set loss.gamma=3`` or, in a sum, by the name of the loss:
``--set loss.focal.gamma=3``; there each term has a ``factor`` as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from torch import Tensor, nn

from dagen import plugins
from dagen.errors import UsageError, quoted, unknown
from dagen.parameters import NotNegative, build_config


class Loss(nn.Module):
    """Base of every loss.

    Attributes:
        Config: frozen dataclass of the parameters, each documented with its source.
        paper: short reference, such as ``"Lin et al., ICCV 2017"``.
    """

    @dataclass(frozen=True)
    class Config:
        """No parameters."""

    paper: ClassVar[str] = ""

    def __init__(self, num_classes: int, config: Any) -> None:
        """Build the loss.

        Args:
            num_classes: number of classes, background included.
            config: an instance of ``Config``.

        Raises:
            UsageError: parameters that do not suit the number of classes.
        """
        super().__init__()
        self.num_classes = num_classes
        self.config = config

    def observe(self, label: Tensor) -> None:
        """Called with the labels of a step, (B, H, W) int64, once before its losses."""

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """One scalar, differentiable in the logits; 0 if every pixel is ignored.

        Args:
            logits: (B, C, h, w) float, of the main head or an auxiliary one.
            label: (B, H, W) int64, 255 where ignored.
        """
        raise NotImplementedError


class SumOfLosses(Loss):
    """Several losses, each with a factor."""

    def __init__(self, losses: Mapping[str, Loss], factors: Mapping[str, float]) -> None:
        super().__init__(next(iter(losses.values())).num_classes, None)
        self.losses = nn.ModuleDict(losses)
        self.factors = dict(factors)

    def observe(self, label: Tensor) -> None:
        """See :meth:`Loss.observe`."""
        for loss in self.losses.values():
            assert isinstance(loss, Loss)
            loss.observe(label)

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """The weighted sum; see :meth:`Loss.forward`."""
        terms: list[Tensor] = [
            self.factors[name] * loss(logits, label) for name, loss in self.losses.items()
        ]
        return sum(terms[1:], terms[0])


@dataclass(frozen=True)
class _Factor:
    factor: NotNegative = 1.0


def create(spec: str, options: Mapping[str, Any], num_classes: int) -> Loss:
    """A loss, or a sum of losses.

    Args:
        spec: a name, or names joined by ``+``.
        options: the parameters: of the only loss, or tables of them by the names of losses.
        num_classes: number of classes, background included.

    Raises:
        UsageError: an unknown or repeated name, or parameters that do not exist, are out of range
            or do not suit the number of classes.
    """
    names = [name.strip() for name in spec.split("+")]
    for name in names:
        if name not in plugins.names("losses"):
            raise unknown("loss", name, plugins.names("losses"))
        if names.count(name) > 1:
            raise UsageError(f"loss is '{spec}'; name every loss once.")
    tables: dict[str, dict[str, Any]] = {name: {} for name in names}
    for key, value in options.items():
        if isinstance(value, Mapping):
            if key not in tables:
                raise unknown(f"loss in {spec}", key, names)
            tables[key] |= value
        elif key in tables:
            example = next(iter(parameters(key)), "factor")
            raise UsageError(
                f"loss.{key} is {quoted(value)}, and {key} is a loss; give its parameters, as in "
                f"loss.{key}.{example}."
            )
        elif len(names) > 1:
            raise UsageError(
                f"loss.{key} is {quoted(value)}, and {spec} is a sum; name the loss that it is a "
                f"parameter of, as in loss.{_owner(key, names)}.{key}."
            )
        else:
            tables[names[0]][key] = value
    losses, factors = {}, {}
    for name, table in tables.items():
        kind: type[Loss] = plugins.get("losses", name)
        own = {key: value for key, value in table.items() if key != "factor"}
        shared = {"factor": table["factor"]} if "factor" in table else {}
        where = f"loss.{name}"
        factors[name] = build_config(_Factor, shared, where).factor
        losses[name] = kind(num_classes, build_config(kind.Config, own, where))
    if not any(factors.values()):
        raise UsageError(
            f"every factor of the loss '{spec}' is 0, so nothing would be learnt from labels; give "
            "one a number above 0."
        )
    return SumOfLosses(losses, factors)


def _owner(key: str, names: Sequence[str]) -> str:
    """The first of some losses that has this parameter, or else the first."""
    return next((name for name in names if key in parameters(name)), names[0])


def parameters(name: str) -> dict[str, Any]:
    """The parameters of a loss with their defaults."""
    return {f.name: f.default for f in fields(plugins.get("losses", name).Config)}
