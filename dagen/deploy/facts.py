"""What an exported file says of itself: its card, how it is called, and a seal over its bytes.

An exported file has three metadata entries. ``dagen`` is the card of the deployed file it was made
of (``dagen.models.deployed.card``): classes, colours, task, input size and the run.
``dagen.export`` is one JSON object with the other fields of :class:`Facts`. ``dagen.seal`` is a
SHA-256 over the whole file, in which the seal itself counts as zeros; a changed or truncated file
breaks it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from dagen.errors import DagenError, short
from dagen.models.deployed.card import KEY, Card, CardError, from_text, to_text

FACTS, SEAL = "dagen.export", "dagen.seal"
FORMAT = 1
"""Version of ``dagen.export``."""

MARK = b"dagen-sha256:"
"""What every exported file contains."""
_OPEN = MARK.decode() + "0" * 64
_SEALED = re.compile(MARK + rb"[0-9a-f]{64}")
_REMEDY = "restore it from a copy, or export the network again"


@dataclass(frozen=True)
class Facts:
    """How an exported network is called, and where it comes from.

    Attributes:
        card: the card of the deployed file; its size is the input size.
        input: type of the input: ``float32``, RGB in [0, 1], or ``uint8``, RGB in 0 to 255;
            (B, 3, H, W) in both cases.
        precision: ``float32``; ``float16`` for weights of half precision, which compute in float32;
            or ``int8``, in which most layers compute.
        dynamic: whether height and width may be any multiples of ``multiple``; otherwise they are
            those of the card. The batch is always free.
        multiple: sides of the input are multiples of this.
        stride: input pixels per logit, along each side.
        feature_channels: channels of the output ``features``.
        feature_stride: input pixels per feature, along each side.
        parameters: number of trained values.
        macs: multiply-accumulates of one image of the card's size.
        licence: licence of the weights, as whoever exported them stated it.
        data: the data sets that the network was trained with.
        checked: the comparison with PyTorch, see ``dagen.deploy.checking``.
        calibration: for int8, the images that set its ranges, and the loss of agreement with
            float32 (see :mod:`dagen.deploy.agreement`).
        made_by: versions of the programs that wrote the file.
    """

    card: Card
    input: Literal["float32", "uint8"]
    precision: Literal["float32", "float16", "int8"]
    dynamic: bool
    multiple: int
    stride: int
    feature_channels: int
    feature_stride: int
    parameters: int
    macs: int
    licence: str
    data: tuple[str, ...] = ()
    checked: dict[str, Any] = field(default_factory=dict)
    calibration: dict[str, Any] = field(default_factory=dict)
    made_by: dict[str, str] = field(default_factory=dict)


def to_metadata(facts: Facts) -> dict[str, str]:
    """The metadata entries, with the place of the seal (see :func:`seal`)."""
    task = facts.card.kind
    named = replace(
        facts.card, classes=task.classes, colours=task.colours, background=task.background
    )
    values = {name: value for name, value in asdict(facts).items() if name != "card"}
    return {
        KEY: to_text(named, facts.card.weights or ""),
        FACTS: json.dumps({"format": FORMAT, **values}, sort_keys=True),
        SEAL: _OPEN,
    }


def from_metadata(metadata: Mapping[str, str], name: str) -> Facts:
    """The inverse of :func:`to_metadata`.

    Args:
        metadata: the entries of a file.
        name: what messages call the file.

    Raises:
        DagenError: dagen did not export the file, its metadata is damaged, or a newer dagen wrote
            it.
    """
    told = short(name, 200)
    if KEY not in metadata or FACTS not in metadata:
        raise DagenError(
            f"{told} was not exported by dagen: its metadata has no key '{FACTS}'. Make such a "
            "file with dagen export."
        )
    try:
        card = from_text(metadata[KEY])
        values = json.loads(metadata[FACTS])
        given = values.pop("format")
        if isinstance(given, int) and given > FORMAT:
            raise DagenError(
                f"{told} was exported by a newer dagen (format {given}); update dagen."
            )
        known = {each.name for each in fields(Facts)} - {"card"}
        if values.keys() != known:
            raise KeyError(min(values.keys() ^ known))
        if not metadata[SEAL].startswith(MARK.decode()):
            raise KeyError(SEAL)
        facts = Facts(card=card, **{**values, "data": tuple(values["data"])})
    except (CardError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise DagenError(
            f"{told} has damaged metadata ({short(str(error), 120)}); {_REMEDY}."
        ) from None
    return facts


def as_written(facts: Facts) -> Facts:
    """The facts as whoever opens the file will read them."""
    return from_metadata(to_metadata(facts), facts.card.model)


def seal(content: bytes, rest: bytes = b"") -> bytes:
    """``content`` with its seal filled in.

    Args:
        content: a file whose metadata has the entries of :func:`to_metadata`.
        rest: a second file that belongs to it.
    """
    assert content.count(_OPEN.encode()) == 1
    return content.replace(_OPEN.encode(), MARK + _digest(content, rest))


def check_seal(content: bytes, name: str, rest: bytes = b"") -> None:
    """Refuse a file of dagen's that was changed after it was written.

    A file without a seal passes: it is not dagen's, which its metadata will tell.

    Raises:
        DagenError: its bytes differ from its seal.
    """
    marks, found = content.count(MARK), _SEALED.findall(content)
    if not marks:
        return
    blank = _SEALED.sub(_OPEN.encode(), content)
    if marks > 1 or found != [MARK + _digest(blank, rest)]:
        raise DagenError(
            f"{short(name, 200)} is damaged: its bytes differ from their checksum; {_REMEDY}."
        )


def _digest(content: bytes, rest: bytes) -> bytes:
    return hashlib.sha256(content + rest).hexdigest().encode()
