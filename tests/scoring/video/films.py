"""Small videos, and predictors and sources that a test can follow."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from dagen.errors import DataError
from dagen.scoring.video.frames import Frame
from dagen.types import Task

SIZE = (48, 64)
RATE = 25


def picture(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A dark picture, never twice the same, with a red square; (H, W, 3) uint8."""
    pixels = np.random.default_rng(number).integers(0, 60, (*size, 3), np.uint8)
    left = 4 + number % (size[1] - 20)
    pixels[16:32, left : left + 12] = (230, 10, 10)
    return pixels


def film(
    path: Path,
    count: int = 50,
    *,
    size: tuple[int, int] = SIZE,
    codec: str = "libx264",
    times: Callable[[int], float] = lambda i: i / RATE,
    **options: str,
) -> Path:
    """A video of :func:`picture`."""
    with av.open(str(path), "w", options=options) as container:
        stream: Any = container.add_stream(codec, rate=RATE)
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        clock = Fraction(1, RATE if codec == "mpeg4" else 1000)
        stream.time_base = stream.codec_context.time_base = clock
        stream.options = {"g": "10"}
        for i in range(count):
            frame = av.VideoFrame.from_ndarray(picture(i, size), format="rgb24")
            frame.pts, frame.time_base = round(times(i) / clock), clock
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def played(path: Path) -> list[tuple[float, np.ndarray]]:
    """Time and pixels of every frame of a video, by a reader of its own."""
    with av.open(str(path)) as container:
        return [(f.time, f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]


class Red:
    """A predictor that takes what is red for waste, pixel by pixel."""

    name, task, size, bytes = "red", Task.BINARY, (32, 32), None

    def __call__(self, image: np.ndarray) -> np.ndarray:
        red = image[..., 0].astype(np.float32) / 255
        return np.stack([1 - red, red])


class Fake:
    """A live source, or a file, of :func:`picture`.

    Before each frame it waits until ``gate`` (if given) lets it; it ends after ``count`` frames,
    with ``problem`` if there is one.
    """

    def __init__(
        self,
        count: int,
        *,
        live: bool = True,
        gate: Callable[[int], None] = lambda number: None,
        problem: str = "",
    ) -> None:
        self.name, self.told, self.live, self.rate = "fake", "a fake", live, float(RATE)
        self.count, self.busy, self.closed = None if live else count, 0.0, threading.Event()
        self._total, self._gate, self._problem = count, gate, problem

    def __iter__(self) -> Iterator[Frame]:
        for number in range(1, self._total + 1):
            self._gate(number)
            taken = datetime(2026, 11, 30, 12, tzinfo=UTC) if self.live else None
            yield Frame(number, (number - 1) / RATE, picture(number), taken)
        if self._problem:
            raise DataError(self._problem)

    def close(self) -> None:
        self.closed.set()
