"""A camera of this machine, through OpenCV, which knows every system's own way to them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

import cv2
import numpy as np

from dagen.errors import DataError
from dagen.scoring.video.frames import Frame


class Webcam:
    """A camera by its index; see :class:`dagen.scoring.video.frames.Source`.

    Attributes:
        name: see :class:`dagen.scoring.video.frames.Source`, also for the others.
        told: what messages call it.
        live: always.
        rate: frames per second, as the camera states it.
        count: None.
        busy: seconds spent decoding.
    """

    live = True
    count: int | None = None

    def __init__(self, index: int) -> None:
        """Open a camera.

        Raises:
            DataError: there is none with this index, or another program has it.
        """
        self.name = f"camera-{index}"
        self.told = f"camera {index}"
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        try:
            self._camera = cv2.VideoCapture(index)
        finally:
            cv2.utils.logging.setLogLevel(level)
        if not self._camera.isOpened():
            raise DataError(
                f"{self.told} cannot be opened: plug it in, end other programs that use it, or "
                "give the index of another one (0 is the first), a video or an address."
            )
        # The driver's queue holds old pictures.
        self._camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self.rate = self._camera.get(cv2.CAP_PROP_FPS) or 25.0
        self.busy = 0.0

    def __iter__(self) -> Iterator[Frame]:
        """The frames, until the camera gives none.

        Raises:
            DataError: it stopped.
        """
        number, first = 0, 0.0
        while self._camera.grab():
            start = time.perf_counter()
            taken = datetime.now().astimezone()
            good, picture = self._camera.retrieve()
            if not good:
                break
            pixels = np.ascontiguousarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
            number += 1
            first = first or start
            self.busy += time.perf_counter() - start
            yield Frame(number, start - first, pixels, taken)
        raise DataError(f"{self.told} gives no picture any more after {number} frames.")

    def close(self) -> None:
        """See :meth:`dagen.scoring.video.frames.Source.close`."""
        self._camera.release()
