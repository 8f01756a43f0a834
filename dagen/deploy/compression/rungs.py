"""What is tried: a network, a precision, an input size and a format, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dagen.deploy.refusals import ENDINGS, Format
from dagen.errors import UsageError, unknown

PRECISIONS = ("float32", "fp16", "int8")
SCALES = (1.0, 0.75, 0.5)
"""Factors of the network's own height and width that are tried without ``sizes``."""


@dataclass(frozen=True)
class Rung:
    """One file to try.

    Attributes:
        format: ``onnx`` or ``openvino``.
        precision: ``float32``, ``fp16`` or ``int8``.
        size: height and width of the input in pixels.
        network: which smaller network, such as ``macs-50``; empty for the network itself.
    """

    format: Format
    precision: str
    size: tuple[int, int]
    network: str = ""

    @property
    def file(self) -> str:
        """The name of its file."""
        height, width = self.size
        first = f"{self.network}-" if self.network else ""
        return f"{first}{height}x{width}-{self.precision}{ENDINGS[self.format]}"


@dataclass(frozen=True)
class Tried:
    """What a rung costs and loses.

    Attributes:
        rung: the rung.
        file: its file.
        bytes: size on disk, of all files that belong to it.
        macs: multiply-accumulates of one image.
        loss: loss of agreement with the PyTorch network at its own size, in points, at the images'
            own size (see :mod:`dagen.deploy.agreement`).
        latency_ms: median milliseconds of one image.
        p95_ms: milliseconds that 95 of 100 runs stayed below.
        runtime: the runtime with its version.
        score: the task's own figure in per cent on a data set that was asked for; None without one.
    """

    rung: Rung
    file: Path
    bytes: int
    macs: int
    loss: float
    latency_ms: float
    p95_ms: float
    runtime: str
    score: float | None = None


def ladder(
    own: tuple[int, int],
    multiple: int,
    sizes: Sequence[tuple[int, int]] | None,
    precisions: Sequence[str],
    formats: Sequence[str],
    networks: Sequence[str] = ("",),
) -> list[Rung]:
    """The rungs: a network after the other, the largest size first.

    Args:
        own: the network's own height and width.
        multiple: sides are multiples of this.
        sizes: heights and widths; None takes :data:`SCALES` of its own, rounded.
        precisions: some of :data:`PRECISIONS`.
        formats: ``onnx``, ``openvino`` or both.
        networks: names of the networks.

    Raises:
        UsageError: an unknown precision or format, or a side that is no multiple.
    """
    for precision in precisions:
        if precision not in PRECISIONS:
            raise unknown("precision", precision, PRECISIONS)
    for format in formats:
        if format not in ENDINGS:
            raise unknown("format", format, ENDINGS)
    if sizes is None:
        sizes = [
            tuple(max(multiple, round(scale * side / multiple) * multiple) for side in own)  # type: ignore[misc]
            for scale in SCALES
        ]
    for height, width in sizes:
        if height % multiple or width % multiple:
            raise UsageError(
                f"a size is {height}x{width}; this network takes multiples of {multiple}."
            )
    distinct = list(dict.fromkeys(sizes))
    return [
        Rung(format, precision, size, network)  # type: ignore[arg-type]
        for network in networks
        for size in distinct
        for format in formats
        for precision in precisions
    ]


def front(tried: Sequence[Tried]) -> list[Tried]:
    """The rungs that no other one beats or equals in loss, bytes and latency at once.

    Of rungs that are equal in all three, the first counts.
    """

    def figures(each: Tried) -> tuple[float, float, float]:
        return each.loss, each.bytes, each.latency_ms

    def beaten(k: int) -> bool:
        mine = figures(tried[k])
        for j, other in enumerate(tried):
            theirs = figures(other)
            if all(a <= b for a, b in zip(theirs, mine, strict=True)) and (theirs != mine or j < k):
                return True
        return False

    return [each for k, each in enumerate(tried) if not beaten(k)]


def chosen(tried: Sequence[Tried], cap: int, max_drop: float) -> Tried | None:
    """The fastest rung within both limits; None if there is none.

    Args:
        tried: what was tried.
        cap: most bytes.
        max_drop: most points of agreement lost.
    """
    fits = [each for each in tried if each.bytes <= cap and each.loss <= max_drop]
    return min(fits, key=lambda each: (each.latency_ms, each.bytes), default=None)
