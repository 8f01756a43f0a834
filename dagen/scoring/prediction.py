"""Segments images: one in memory, or files into masks and overlays."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dagen.datasets.reading.images import read_image
from dagen.errors import DataError, UsageError
from dagen.scoring.overlay import overlay
from dagen.scoring.prediction_files import MARK, overlay_of, plan
from dagen.scoring.predictor import Prediction, Predictor, mask
from dagen.system.files import make_folder, write_atomically
from dagen.system.progress import Progress
from dagen.types import Label, Pixels, Task

_MOST = 2**28  # probabilities of one picture, C x H x W: 1 GB
_SIDE = 65_000  # pixels; JPEG allows little more


class NotSegmented(DataError):
    """Some pictures could not be segmented; all others were.

    Attributes:
        failures: one sentence for each picture that failed.
        written: the masks of the others.
    """

    def __init__(self, failures: list[str], written: list[Path]) -> None:
        self.failures = failures
        self.written = written
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
    predictor: Predictor, images: Path, out: Path, *, quiet: bool = True
) -> list[Path]:
    """Segment an image, or every image below a folder.

    ``a/b.jpg`` becomes ``<out>/a/b.png`` (mode L, class ids) and ``<out>/a/b-overlay.jpg``. Hidden
    files are left out, and so are masks and overlays that dagen wrote earlier. A picture that
    cannot be read does not keep the others from being segmented.

    Args:
        predictor: the predictor that segments them.
        images: a file or a folder.
        out: folder to write to; made if missing.
        quiet: no progress display.

    Returns:
        The masks that were written.

    Raises:
        UsageError: there is no image, two images' masks would have the same name, or a file that
            dagen did not write would be overwritten; nothing has been written then.
        NotSegmented: some images are damaged or of a format that is not read; the others' masks
            are written.
        DagenError: a mask cannot be written.
    """
    job = plan(images, out)
    failures, written = [*job.unread], []
    with Progress(quiet=quiet) as progress:
        bar = progress.task("segmenting", len(job.masks))
        for file, path in job.masks.items():
            try:
                image = read_image(file)
                label = _segment(predictor, image)
            except DataError as error:
                failures.append(str(error))
            except MemoryError:
                failures.append(f"{file} needs more memory than there is: scale it down.")
            else:
                _write(image, label, predictor.task, path)
                written.append(path)
            bar.advance()
    if failures:
        raise NotSegmented(failures, written)
    return written


def _segment(predictor: Predictor, image: Pixels) -> Label:
    """The mask of an image; a huge one is segmented smaller, so that memory stays bounded."""
    height, width = image.shape[:2]
    scale = math.sqrt(_MOST / (predictor.task.num_classes * height * width))
    if scale >= 1:
        return mask(predictor(image))
    size = (max(1, int(width * scale)), max(1, int(height * scale)))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    label = cv2.resize(mask(predictor(small)), (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(label, np.uint8)


def _write(image: Pixels, label: Label, task: Task, path: Path) -> None:
    make_folder(path.parent)
    mark = PngInfo()
    mark.add_text(*MARK)
    flat = Image.fromarray(label)
    write_atomically(path, lambda file: flat.save(file, "png", pnginfo=mark))
    drawn = Image.fromarray(overlay(image, label, task))
    drawn.thumbnail((_SIDE, _SIDE))
    write_atomically(overlay_of(path), lambda file: drawn.save(file, "jpeg", quality=92))
