"""Segments images: one in memory, or files into masks and overlays."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dagen.datasets.reading.images import read_image
from dagen.errors import DataError, UsageError
from dagen.scoring.at_once import Clock, at_once
from dagen.scoring.objects import Shape, shapes
from dagen.scoring.overlay import legend, overlay
from dagen.scoring.prediction_files import MARK, overlay_of, plan
from dagen.scoring.predictor import Prediction, Predictor, mask
from dagen.system.files import make_folder, write_atomically
from dagen.system.progress import Progress
from dagen.system.stopping import asked_to_stop
from dagen.types import Label, Pixels, Task

_MOST = 2**28  # probabilities of one picture, C x H x W: 1 GB
_SIDE = 65_000  # pixels; JPEG allows little more
_AT_ONCE = min(4, os.cpu_count() or 1)
"""Pictures that are segmented at the same time."""


@dataclass
class Segmented:
    """What became of a call's pictures.

    Attributes:
        written: the masks.
        seconds: the time that reading, the network and writing were busy, by name; they run at the
            same time.
        wall: seconds from beginning to end.
        found: number of objects.
        signal: number of the signal that ended it; 0 without one.
    """

    written: list[Path] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    wall: float = 0.0
    found: int = 0
    signal: int = 0


OnObjects = Callable[[str, tuple[int, int], list[Shape]], None]
"""Called with each picture's name, its height and width, and its objects."""


class NotSegmented(DataError):
    """Some pictures could not be segmented; all others were.

    Attributes:
        failures: one sentence for each picture that failed.
        done: what became of the others.
    """

    def __init__(self, failures: list[str], done: Segmented) -> None:
        self.failures = failures
        self.done = done
        written = done.written
        rest = f" (and {len(failures) - 5} more)" if len(failures) > 5 else ""
        super().__init__(
            f"{len(failures)} of {len(failures) + len(written)} image(s) could not be segmented: "
            f"{' '.join(failures[:5])}{rest}"
        )


def predict_image(predictor: Predictor, image: Pixels) -> Prediction:
    """Segment one image.

    Args:
        predictor: what segments it.
        image: (H, W, 3) uint8 RGB.

    Raises:
        UsageError: another shape or type.
    """
    array = np.asarray(image)
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape or array.dtype != np.uint8:
        raise UsageError(
            f"the image is an array {array.shape} of {array.dtype}; give (H, W, 3) uint8, RGB."
        )
    probabilities = predictor(np.ascontiguousarray(array))
    return Prediction(mask(probabilities), probabilities)


def predict_files(
    predictor: Predictor,
    images: Path,
    out: Path,
    *,
    quiet: bool = True,
    overlays: bool = True,
    on_objects: OnObjects | None = None,
    least: int = 1,
) -> Segmented:
    """Segment an image, or every image below a folder.

    ``a/b.jpg`` becomes ``<out>/a/b.png`` (mode L, class ids) and ``<out>/a/b-overlay.jpg``, which
    has a legend below it. Hidden files are left out, and so are masks and overlays that dagen wrote
    earlier. A picture that cannot be read does not keep the others from being segmented. Several
    pictures are read, segmented and written at once; results come in the pictures' order. After
    SIGTERM or Ctrl-C no further picture is begun.

    Args:
        predictor: the predictor that segments them.
        images: a file or a folder.
        out: folder to write to; made if missing.
        quiet: no progress display.
        overlays: whether to write overlays too; those of earlier calls stay.
        on_objects: called after each picture, if given.
        least: pixels of the smallest object.

    Returns:
        The masks that were written, and where the time went.

    Raises:
        UsageError: there is no image, two images' masks would have the same name, or a file that
            dagen did not write would be overwritten; nothing has been written then.
        NotSegmented: some images are damaged or of a format that is not read; the others' masks
            are written.
        DagenError: a mask cannot be written.
    """
    job = plan(images, out)
    failures, done = [*job.unread], Segmented()
    clock = Clock()

    def one(file: Path, path: Path) -> tuple[tuple[int, int], list[Shape]]:
        """Segment one picture; its height and width, and its objects if they are wanted."""
        with clock("reading"):
            image = read_image(file)
        with clock("network"):
            label, confidence = segment(predictor, image, on_objects is not None)
        found: list[Shape] = []
        if confidence is not None:
            with clock("objects"):
                found = shapes(label, confidence, predictor.task, least)
        with clock("writing"):
            write_prediction(image, label, predictor.task, path, overlays)
        return label.shape, found

    start = time.perf_counter()
    with Progress(quiet=quiet) as progress, asked_to_stop() as came:
        bar = progress.task("segmenting", len(job.masks))
        wanted = takewhile(lambda _: not came, job.masks.items())
        with closing(at_once(one, wanted, _AT_ONCE)) as results:
            for (file, path), result in results:
                try:
                    shape, found = result()
                except DataError as error:
                    failures.append(str(error))
                except MemoryError:
                    failures.append(f"{file} needs more memory than there is: scale it down.")
                else:
                    if on_objects is not None:
                        on_objects(_name(file, images), shape, found)
                    done.found += len(found)
                    done.written.append(path)
                bar.advance()
        if came and len(done.written) + len(failures) < len(job.masks) + len(job.unread):
            done.signal = came[0]
    done.seconds, done.wall = clock.seconds, time.perf_counter() - start
    if failures:
        raise NotSegmented(failures, done)
    return done


def _name(file: Path, images: Path) -> str:
    return file.name if file == images else file.relative_to(images).as_posix()


def segment(
    predictor: Predictor, image: Pixels, confident: bool
) -> tuple[Label, NDArray[np.float32] | None]:
    """The mask of an image and, if wanted, the probability of each pixel's class.

    A huge image is segmented smaller, so that memory stays bounded.

    Args:
        predictor: what segments it.
        image: (H, W, 3) uint8 RGB.
        confident: whether the probabilities are wanted.

    Returns:
        (H, W) uint8 class ids; (H, W) float32, or None.
    """
    height, width = image.shape[:2]
    scale = math.sqrt(_MOST / (predictor.task.num_classes * height * width))
    if scale >= 1:
        probabilities = predictor(image)
        return mask(probabilities), probabilities.max(0) if confident else None
    size = (max(1, int(width * scale)), max(1, int(height * scale)))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    probabilities = predictor(small)
    whole = (width, height)
    label = cv2.resize(mask(probabilities), whole, interpolation=cv2.INTER_NEAREST)
    largest = probabilities.max(0) if confident else None
    if largest is not None:
        resized = cv2.resize(largest, whole, interpolation=cv2.INTER_NEAREST)
        largest = np.asarray(resized, np.float32)
    return np.asarray(label, np.uint8), largest


def write_prediction(image: Pixels, label: Label, task: Task, path: Path, overlays: bool) -> None:
    """Write a mask, and on request its overlay beside it.

    Args:
        image: (H, W, 3) uint8 RGB.
        label: (H, W) uint8 class ids.
        task: what was segmented.
        path: the mask's PNG file; its folder is made if missing.
        overlays: whether to write the overlay.

    Raises:
        DagenError: a file cannot be written.
    """
    make_folder(path.parent)
    mark = PngInfo()
    mark.add_text(*MARK)
    flat = Image.fromarray(label)
    write_atomically(path, lambda file: flat.save(file, "png", pnginfo=mark))
    if not overlays:
        return
    drawn = _with_legend(Image.fromarray(overlay(image, label, task)), task)
    drawn.thumbnail((_SIDE, _SIDE))
    write_atomically(overlay_of(path), lambda file: drawn.save(file, "jpeg", quality=92))


def _with_legend(drawn: Image.Image, task: Task) -> Image.Image:
    """A picture above the names of the colours, in letters that suit its size."""
    strip = legend(task, drawn.width, size=max(9, round(max(drawn.size) / 50)))
    whole = Image.new("RGB", (drawn.width, drawn.height + strip.height))
    whole.paste(drawn, (0, 0))
    whole.paste(strip, (0, drawn.height))
    return whole
