"""Video files and streams, decoded by PyAV (FFmpeg's libraries)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dagen.errors import DataError, UsageError, short
from dagen.scoring.video.addresses import is_address, name_of, require_scheme, shown
from dagen.scoring.video.frames import Frame
from dagen.types import Pixels

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

_WAIT = 10.0
"""Seconds without an answer after which a stream counts as broken off."""
_SPARE = 0.5
"""Seconds by which a whole video may end before its stated end."""


class Video:
    """A video file, or an address; see :class:`dagen.scoring.video.frames.Source`.

    An address without a known length is live. Packets that cannot be decoded are left out, and the
    end tells their number.

    Attributes:
        name: see :class:`dagen.scoring.video.frames.Source`, also for the others.
        told: the file, or the address without its secrets.
        live: whether it is a stream.
        rate: frames per second.
        count: number of frames; None if not known.
        busy: seconds spent decoding.
    """

    def __init__(self, text: str) -> None:
        """Open a file or an address (``rtsp://``, ``rtsps://``, ``http://``, ``https://``).

        Raises:
            UsageError: PyAV is not installed, or another kind of address.
            DataError: it cannot be opened, or has no picture.
        """
        remote = is_address(text)
        if remote:
            require_scheme(text)
        elif not Path(text).is_file():
            raise UsageError(f"{short(text, 200)} does not exist; give an image, folder or video.")
        self.told = shown(text) if remote else short(text, 200)
        self.name = name_of(text)
        self._av = _library(self.told)
        self._container = self._open(text, remote)
        if not self._container.streams.video:
            self._container.close()
            raise DataError(f"{self.told} has no video in it; give another file.")
        stream = self._stream = self._container.streams.video[0]
        stream.thread_type = "AUTO"
        length = self._container.duration
        self.live = remote and not length
        self.rate = float(stream.guessed_rate or stream.average_rate or 25)
        self._end = _end(self._container)
        known = stream.frames or (length and round(length / 1e6 * self.rate))
        self.count: int | None = None if self.live else known or None
        self.busy = 0.0

    def _open(self, text: str, remote: bool) -> InputContainer:
        # Over TCP a stream loses no packets. The option is refused by nothing that lacks it.
        options = {"rtsp_transport": "tcp"} if remote and text.lower().startswith("rtsp") else {}
        try:
            opened: InputContainer = self._av.open(
                text, options=options, timeout=_WAIT if remote else None
            )
        except (self._av.FFmpegError, OSError, ValueError) as error:
            # Its own message quotes the address, with the password.
            todo = (
                "check the address, user and password, and that the camera is on"
                if remote
                else "it is damaged, cut off, or no video; restore it from a copy"
            )
            raise DataError(
                f"{self.told} cannot be opened as a video ({_reason(error)}): {todo}."
            ) from None
        return opened

    def __iter__(self) -> Iterator[Frame]:
        """The frames; see :class:`dagen.scoring.video.frames.Source`.

        Raises:
            DataError: after the last frame: the video ends in the middle, or has damaged parts.
        """
        number, first, damaged, last = 0, None, 0, 0.0
        problem = ""
        packets = self._container.demux(self._stream)
        while True:
            start = time.perf_counter()
            try:
                packet = next(packets)
            except StopIteration:
                break
            except (self._av.FFmpegError, OSError) as error:
                problem = f"broke off ({_reason(error)})"
                break
            if self.live:  # the time before was spent waiting
                start = time.perf_counter()
            if packet.pts is not None and packet.time_base is not None:
                last = max(last, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            bad = packet.is_corrupt
            try:
                decoded = packet.decode()
            except (self._av.FFmpegError, OSError):
                decoded, bad = [], True
            damaged += bad
            for frame in decoded:
                assert isinstance(frame, self._av.VideoFrame)
                pixels = _upright(frame)
                number += 1
                seconds = frame.time if frame.time is not None else number / self.rate
                first = seconds if first is None else first
                taken = datetime.now().astimezone() if self.live else None
                self.busy += time.perf_counter() - start
                yield Frame(number, max(0.0, seconds - first), pixels, taken)
                start = time.perf_counter()
            self.busy += time.perf_counter() - start
        self._conclude(number, damaged, last, problem)

    def _conclude(self, number: int, damaged: int, last: float, problem: str) -> None:
        if not problem and not self.live and self._end is not None and last < self._end - _SPARE:
            problem = f"ends in the middle, {last:.1f} seconds in, and says that it has " + (
                f"{self._end:.1f} seconds"
            )
        told = [problem] if problem else []
        if damaged:
            told.append(f"has {damaged} damaged part{'s' * (damaged > 1)}")
        if number == 0 and not told:
            told.append("has no picture")
        if told:
            raise DataError(
                f"{self.told} {' and '.join(told)}; {number} frame{'s' * (number != 1)} could be "
                "read."
            )

    def close(self) -> None:
        """See :meth:`dagen.scoring.video.frames.Source.close`."""
        self._container.close()


def _library(told: str) -> Any:
    try:
        import av
    except ImportError:
        raise UsageError(
            f"{told} is a video, and the package av is not installed: pip install 'dagen[camera]'."
        ) from None
    return av


def _end(container: InputContainer) -> float | None:
    """The second at which the video says that it ends; None if it does not say so."""
    stream = container.streams.video[0]
    if stream.duration is not None and stream.time_base is not None:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base)
    # The length of a file is that of its longest stream, which may be the sound.
    if container.duration is not None and len(container.streams) == 1:
        return (container.duration + (container.start_time or 0)) / 1e6
    return None


def _upright(frame: av.VideoFrame) -> Pixels:
    """(H, W, 3) uint8 RGB, turned as the camera was held."""
    pixels = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels


def _reason(error: Exception) -> str:
    """Why it failed, without what was opened."""
    told = getattr(error, "strerror", None) or type(error).__name__
    return short(str(told), 100).lower()
