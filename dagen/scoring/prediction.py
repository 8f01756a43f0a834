"""Segments images: one in memory, or files into masks and overlays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from dagen.datasets.reading.images import find_images, read_image
from dagen.errors import UsageError
from dagen.scoring.overlay import overlay
from dagen.scoring.predictor import Prediction, Predictor, mask
from dagen.system.files import make_folder
from dagen.system.progress import Progress
from dagen.types import Pixels


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

    ``a/b.jpg`` becomes ``<out>/a/b.png`` (mode L, class ids) and ``<out>/a/b-overlay.jpg``.

    Args:
        predictor: the predictor that segments them.
        images: a file or a folder.
        out: folder to write to; made if missing.
        quiet: no progress display.

    Returns:
        The masks that were written.

    Raises:
        UsageError: there is no image, or two images' masks would have the same name.
        DagenError: an image is damaged.
    """
    files = find_images(images)
    base = images if images.is_dir() else images.parent
    written = {file: (out / file.relative_to(base)).with_suffix(".png") for file in files}
    _refuse_clashes(written)
    with Progress(quiet=quiet) as progress:
        bar = progress.task("segmenting", len(files))
        for file, path in written.items():
            image = read_image(file)
            label = mask(predictor(image))
            make_folder(path.parent)
            Image.fromarray(label).save(path)
            drawn = Image.fromarray(overlay(image, label, predictor.task))
            drawn.save(path.with_name(f"{path.stem}-overlay.jpg"), quality=92)
            bar.advance()
    return list(written.values())


def _refuse_clashes(written: dict[Path, Path]) -> None:
    seen: dict[Path, Path] = {}
    for file, path in written.items():
        if path in seen:
            raise UsageError(
                f"{file} and {seen[path]} would both become {path}; rename one of them."
            )
        seen[path] = file
