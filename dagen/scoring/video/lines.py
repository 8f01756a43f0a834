"""The objects of a video's frames: a JSON line for each frame, or one COCO document."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dagen.errors import UsageError, short
from dagen.scoring.objects import CocoObjects, Shape, feature, require_own
from dagen.scoring.video.frames import Frame
from dagen.system.files import append_line, make_folder, write_atomically
from dagen.types import Task


def when(frame: Frame) -> dict[str, Any]:
    """The time of a frame: its number, seconds since the first, and of a live one the clock."""
    taken = {} if frame.taken is None else {"time": frame.taken.isoformat(timespec="milliseconds")}
    return {"frame": frame.number, "seconds": round(frame.seconds, 6), **taken}


def line(name: str, frame: Frame, found: list[Shape], task: Task) -> str:
    """A frame's objects as a GeoJSON feature collection in one line, with the frame's time.

    Args:
        name: name of the source.
        frame: the frame.
        found: its objects.
        task: what is segmented.
    """
    features = [feature(f"{name}/{frame.number:06}.png", each, task) for each in found]
    whole = {"type": "FeatureCollection", "source": name, **when(frame), "features": features}
    return json.dumps(whole)


class FrameLines:
    """Lines to standard output or to a file, each at once.

    Attributes:
        path: the file; None for a function that takes each line.
    """

    def __init__(self, path: Path | None, echo: Callable[[str], object], task: Task) -> None:
        """Begin a file, in place of one of an earlier call.

        Raises:
            UsageError: the file has something else.
            DagenError: it cannot be written.
        """
        self.path, self._echo, self._task = path, echo, task
        if path is not None:
            _require_own_lines(path)
            make_folder(path.parent)
            write_atomically(path, b"")

    def add(self, name: str, frame: Frame, found: list[Shape]) -> None:
        """Write a frame."""
        text = line(name, frame, found, self._task)
        if self.path is None:
            self._echo(text)
        else:
            append_line(self.path, text)

    def close(self) -> None:
        """Nothing is left to do."""


class FrameDocument:
    """One COCO document of all frames, written at the end.

    Attributes:
        path: the file.
    """

    def __init__(self, path: Path, task: Task) -> None:
        """Begin a document.

        Raises:
            UsageError: the file has something else.
        """
        require_own(path)
        self.path = path
        self._document = CocoObjects(task)

    def add(self, name: str, frame: Frame, found: list[Shape]) -> None:
        """Add a frame; its image has the fields of :func:`when`."""
        size = (frame.pixels.shape[0], frame.pixels.shape[1])
        self._document.add(f"{name}/{frame.number:06}.png", size, found, when(frame))

    def close(self) -> None:
        """Write the file.

        Raises:
            DagenError: it cannot be written.
        """
        make_folder(self.path.parent)
        write_atomically(self.path, json.dumps(self._document.document()).encode())


def _require_own_lines(path: Path) -> None:
    if not path.exists():
        return
    try:
        with path.open(encoding="utf-8") as file:
            first = file.readline()
        own = not first or {"source", "frame", "features"} <= json.loads(first).keys()
    except (OSError, ValueError, AttributeError, RecursionError):
        own = False
    if not own:
        raise UsageError(
            f"{short(path, 200)} exists, and dagen predict did not write it; move it away, or give "
            "another file with --objects."
        )
