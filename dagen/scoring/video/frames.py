"""Frames of a video or a camera, and what gives them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dagen.types import Pixels


@dataclass(frozen=True)
class Frame:
    """One picture of a video.

    Attributes:
        number: its place among all frames of the source, from 1; dropped frames count too.
        seconds: time since the first frame.
        pixels: (H, W, 3) uint8 RGB, upright.
        taken: when it arrived, with the time zone; None for a file.
    """

    number: int
    seconds: float
    pixels: Pixels
    taken: datetime | None = None


class Source(Protocol):
    """Gives frames, in order and once; one thread iterates.

    Iterating raises :class:`dagen.errors.DataError` where the source breaks off or is damaged,
    after the frames before that.
    """

    @property
    def name(self) -> str:
        """What results are called, fit for a file's name."""

    @property
    def told(self) -> str:
        """What messages call it, without a password."""

    @property
    def live(self) -> bool:
        """Whether frames come at the source's own pace, and are lost if nobody takes them."""

    @property
    def rate(self) -> float:
        """Frames per second, about."""

    @property
    def count(self) -> int | None:
        """Number of frames, about; None if not known."""

    @property
    def busy(self) -> float:
        """Seconds spent decoding so far, without waiting for frames."""

    def __iter__(self) -> Iterator[Frame]:
        """The frames that are left."""

    def close(self) -> None:
        """Let go of the file or camera; no frame comes after."""
