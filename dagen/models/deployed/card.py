"""The card of a deployed file: how to build its network, and the checksums of the file.

The card is a JSON object under the one metadata key ``dagen``. One key, because safetensors writes
several in random order, and equal networks must give equal files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from dagen.colours import Colour
from dagen.errors import UsageError, quoted, short
from dagen.system.sealing import SEAL, checksum, sealed
from dagen.types import Task

if TYPE_CHECKING:  # an exported file has a card too, and is read where there is no torch
    from torch import Tensor

KEY = "dagen"
"""The metadata key of the card."""
FORMAT = 2
"""Version of the card. Version 0.1 wrote none, which is format 1: it has no checksums."""

_CHECKS = ("format", "weights", "sha256")
_FIRST = ("model", "task", "size", "width", "options", "run")
"""The fields of format 1."""
_DROPPED = "metrics"
"""Written by version 0.1, always empty."""
_TUPLES = ("size", "classes", "colours", "seen", "channels")
"""Fields that JSON gives as lists."""


@dataclass(frozen=True)
class Card:
    """The metadata of a deployed file.

    Attributes:
        model: the network's plug-in name.
        task: name of the task that it segments.
        size: height and width in pixels at which the network is scored.
        width: the network's width.
        options: the network's own keyword arguments.
        run: the configuration of the run that made it; empty if no run did.
        classes: names of the classes by id; empty in files of version 0.1, which knew built-in
            tasks alone.
        colours: RGB of each class.
        background: whether class 0 is the background.
        seen: what the network has learned from besides the run's own data sets, such as
            ``ImageNet``; see ``dagen.runs.seen``.
        channels: outputs (and inputs) of each layer that has fewer channels than the network's
            class builds, by name; empty if nothing was pruned.
        weights: SHA-256 of the tensors, see :func:`digest`; None in a file of version 0.1. It is
            computed when the file is written.
    """

    model: str
    task: str
    size: tuple[int, int]
    width: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    colours: tuple[Colour, ...] = ()
    background: bool = True
    seen: tuple[str, ...] = ()
    channels: dict[str, tuple[int, ...]] = field(default_factory=dict)
    weights: str | None = field(default=None, compare=False)

    @property
    def kind(self) -> Task:
        """The task that it segments.

        Raises:
            UsageError: a built-in task is unknown, or the classes cannot be a task.
        """
        if not self.classes:
            return Task.named(self.task)
        return Task(self.task, self.classes, self.colours, self.background)


class CardError(ValueError):
    """A card that is damaged, incomplete or from a newer version; the text says which and why."""


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes of tensors, independent of their order."""
    import torch

    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        plain = tensor.detach().cpu().contiguous()
        found.update(json.dumps([name, str(plain.dtype), list(plain.shape)]).encode())
        found.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def to_text(card: Card, weights: str) -> str:
    """The card as JSON, with its format and checksums."""
    values = {**asdict(card), "format": FORMAT, "weights": weights}
    for later in ("seen", "channels"):  # as before there was this field: equal networks give
        if not values[later]:  # equal files
            del values[later]
    return json.dumps(sealed(values), sort_keys=True)


def from_text(text: str) -> Card:
    """The inverse of :func:`to_text`, checked.

    Raises:
        CardError: it is damaged, incomplete, or a newer version wrote it.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise CardError("its card is no JSON") from None
    if not isinstance(values, dict):
        raise CardError("its card is no JSON object")
    _check_format(values)
    own = {k: v for k, v in values.items() if k not in ("format", "sha256", _DROPPED)}
    _check_fields(own)
    card = Card(**{**own, **{name: _tuples(own[name]) for name in _TUPLES if name in own}})
    try:
        _ = card.kind
    except UsageError as error:
        raise CardError(f"its card is refused: {str(error).rstrip('.')}") from None
    return card


def as_first_written(text: str) -> str | None:
    """The card as version 0.1 would have written it; None if it did write it.

    Names of some runs contain a hash of a deployed file; they must not change with the format.
    Further fields count only where the name of the task does not say what they say.
    """
    values = json.loads(text)
    if not values.keys() & set(_CHECKS):
        return None
    built_in = values["task"] in ("binary", "material")
    kept = {
        name: value
        for name, value in values.items()
        if name in _FIRST or not (built_in or name in _CHECKS)
    }
    return json.dumps({**kept, _DROPPED: {}}, sort_keys=True)


def _check_format(values: dict[str, Any]) -> None:
    """Refuse a newer card, and one that differs from its checksum."""
    if not values.keys() & set(_CHECKS):  # version 0.1
        return
    given = values.get("format")
    if isinstance(given, int) and given > FORMAT:
        raise CardError(f"its card has format {short(given)}; this dagen reads up to {FORMAT}")
    if values.get(SEAL) != checksum({k: v for k, v in values.items() if k != SEAL}):
        raise CardError("its card differs from its checksum")
    if given != FORMAT or not isinstance(values.get("weights"), str):
        raise CardError("its card lacks its format or the checksum of the weights")


def _check_fields(values: dict[str, Any]) -> None:
    known = [each.name for each in fields(Card)]
    if extra := sorted(values.keys() - set(known)):
        raise CardError(f"its card has the unknown field '{short(extra[0])}'")
    for name in ("model", "task", "size"):
        if name not in values:
            raise CardError(f"its card lacks the field {name}")
    for name, value in values.items():
        if not _CHECKED[name](value):
            raise CardError(f"its card has {name} {quoted(value)}")


def _is_size(value: object) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 2
        and all(isinstance(side, int) and 0 < side < 2**16 for side in value)
    )


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _are_colours(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(colour, list)
        and len(colour) == 3
        and all(isinstance(part, int) and 0 <= part < 256 for part in colour)
        for colour in value
    )


def _tuples(value: Any) -> Any:
    """Lists as tuples, because JSON has no tuples."""
    if isinstance(value, dict):
        return {name: _tuples(each) for name, each in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _are_counts(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(given, list)
        and len(given) in (1, 2)
        and all(isinstance(n, int) and 0 < n < 2**16 for n in given)
        for given in value.values()
    )


def _is_width(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 4


_CHECKED: dict[str, Callable[[object], bool]] = {
    "model": lambda value: isinstance(value, str),
    "task": lambda value: isinstance(value, str),
    "size": _is_size,
    "width": _is_width,
    "options": lambda value: isinstance(value, dict),
    "run": lambda value: isinstance(value, dict),
    "classes": _are_names,
    "colours": _are_colours,
    "background": lambda value: isinstance(value, bool),
    "seen": _are_names,
    "channels": _are_counts,
    "weights": lambda value: isinstance(value, str),
}
"""Whether a field has a value of its kind."""
