"""Writes what was found in a video: a mask for each frame, and one video of overlays."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dagen.datasets.reading.images import open_image
from dagen.errors import DagenError, DataError, UsageError, short
from dagen.scoring.overlay import legend, overlay
from dagen.scoring.prediction_files import MARK
from dagen.scoring.video.frames import Frame
from dagen.system.files import make_folder, remove, unwritable, write_atomically
from dagen.types import Label, Pixels, Task

_TICKS = 90_000
"""Steps of a second in the video's clock."""
_MASK = re.compile(r"\d{6,}\.png")
_FRAGMENTS = "frag_keyframe+empty_moov+default_base_moof"
"""MP4 in pieces, each of which is complete: what is on the disk plays, even after a power cut."""


class Masks:
    """A folder with a PNG file (mode L, class ids) for each frame, ``000001.png`` and so on.

    Attributes:
        folder: where they lie.
        count: number of masks written.
    """

    def __init__(self, folder: Path) -> None:
        """Make the folder, and remove the masks that an earlier call left in it.

        Raises:
            UsageError: the folder has something that dagen predict did not write.
            DagenError: it cannot be made or emptied.
        """
        self.folder = folder
        self.count = 0
        old = sorted(folder.iterdir()) if folder.is_dir() else []
        for path in old:
            if not _MASK.fullmatch(path.name) or not _marked(path):
                raise UsageError(
                    f"{short(path, 200)} exists, and dagen predict did not write it; move it "
                    "away, or give another folder for the masks with --out."
                )
        for path in old:
            remove(path)
        make_folder(folder)
        self._mark = PngInfo()
        self._mark.add_text(*MARK)

    def add(self, frame: Frame, label: Label) -> None:
        """Write the mask of a frame.

        Raises:
            DagenError: it cannot be written.
        """
        flat = Image.fromarray(label)
        path = self.folder / f"{frame.number:06}.png"
        write_atomically(path, lambda file: flat.save(file, "png", pnginfo=self._mark))
        self.count += 1


class OverlayVideo:
    """An MP4 video (H.264) of overlays above a legend; what is written plays at any time.

    Attributes:
        path: the file.
    """

    def __init__(self, path: Path, task: Task, rate: float) -> None:
        """Prepare it; the first frame makes the file.

        Args:
            path: the file, ``.mp4``; its folder is made if missing.
            task: what is segmented.
            rate: frames per second, about; each frame has a time of its own.

        Raises:
            UsageError: PyAV is not installed, or ``path`` is a file that dagen did not write.
        """
        try:
            import av
        except ImportError:
            raise UsageError(
                "a video of overlays needs the package av: pip install 'dagen[camera]', or give "
                "--no-overlay."
            ) from None
        self.path = path
        self._av, self._task, self._rate = av, task, rate
        self._require_own()
        self._container: Any = None
        self._stream: Any = None
        self._last = -1
        self._size = (0, 0)
        self._legend = np.zeros((0, 0, 3), np.uint8)

    def _require_own(self) -> None:
        if not self.path.exists():
            return
        try:
            with self._av.open(str(self.path)) as old:
                own = old.metadata.get("comment") == MARK[1]
        except (self._av.FFmpegError, OSError, ValueError):
            own = False
        if not own:
            raise UsageError(
                f"{short(self.path, 200)} exists, and dagen predict did not write it; move it "
                "away, or give another folder with --out."
            )

    def add(self, frame: Frame, label: Label) -> None:
        """Write the overlay of a frame; one of another size is scaled to that of the first.

        Raises:
            DagenError: it cannot be written.
        """
        drawn = overlay(frame.pixels, label, self._task)
        try:
            if self._container is None:
                self._start(drawn)
            drawn = self._whole(drawn)
            picture = self._av.VideoFrame.from_ndarray(drawn, format="rgb24")
            # A clock that stands still or goes back is no reason to lose a frame.
            self._last = max(self._last + 1, round(frame.seconds * _TICKS))
            picture.pts, picture.time_base = self._last, Fraction(1, _TICKS)
            self._container.mux(self._stream.encode(picture))
        except (self._av.FFmpegError, OSError) as error:
            raise self._unwritable(error) from None

    def close(self) -> None:
        """Write what is still in the encoder.

        Raises:
            DagenError: it cannot be written.
        """
        if self._container is None:
            return
        container, self._container = self._container, None
        try:
            try:
                container.mux(self._stream.encode(None))
            finally:
                container.close()
        except (self._av.FFmpegError, OSError) as error:
            raise self._unwritable(error) from None

    def _start(self, first: Pixels) -> None:
        make_folder(self.path.parent)
        height, width = first.shape[:2]
        size = max(9, round(max(height, width) / 50))
        self._legend = np.asarray(legend(self._task, width, size=size))
        self._size = (height, width)
        # Pairs of pixels share their colour in H.264.
        whole = (-(-(height + len(self._legend)) // 2) * 2, -(-width // 2) * 2)
        options = {"movflags": _FRAGMENTS, "flush_packets": "1"}
        container = self._av.open(str(self.path), "w", format="mp4", options=options)
        container.metadata["comment"] = MARK[1]
        rate = Fraction(self._rate).limit_denominator(1001)
        try:
            stream = container.add_stream("libx264", rate=rate)
        except (self._av.FFmpegError, ValueError):
            container.close()
            raise DagenError(
                "this build of the package av has no encoder for H.264 (libx264); install av from "
                "PyPI, or give --no-overlay."
            ) from None
        stream.height, stream.width = whole
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, _TICKS)
        # A fragment ends at a key frame: about two seconds. Without frames that refer to later
        # ones, the first has the time 0 in a file of fragments.
        key = str(max(1, round(2 * self._rate)))
        stream.options = {"preset": "veryfast", "g": key, "bf": "0"}
        self._container, self._stream = container, stream

    def _whole(self, drawn: Pixels) -> Pixels:
        """The picture above its legend, with even sides."""
        if drawn.shape[:2] != self._size:
            resized = cv2.resize(drawn, self._size[::-1], interpolation=cv2.INTER_AREA)
            drawn = np.asarray(resized, np.uint8)
        both = np.concatenate([drawn, self._legend])
        bottom, right = (side % 2 for side in both.shape[:2])
        return np.pad(both, ((0, bottom), (0, right), (0, 0)), mode="edge")

    def _unwritable(self, error: Exception) -> DagenError:
        if isinstance(error, OSError):
            return unwritable("file", self.path, error)
        reason = getattr(error, "strerror", None) or type(error).__name__
        return DagenError(f"file {self.path} cannot be written: {short(str(reason))}.")


def _marked(path: Path) -> bool:
    try:
        with open_image(path) as image:
            return bool(image.info.get(MARK[0]) == MARK[1])
    except DataError:
        return False
