"""Image files to masks and overlays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from torch import nn

from dagen.datasets.reading.images import find_images, read_image
from dagen.errors import UsageError
from dagen.models.deployed.file import Card
from dagen.scoring.evaluation import probabilities
from dagen.scoring.overlay import overlay
from dagen.system.files import make_folder
from dagen.system.progress import Progress
from dagen.types import Task


def predict_files(
    network: nn.Module,
    card: Card,
    images: Path,
    out: Path,
    size: tuple[int, int],
    *,
    quiet: bool = True,
) -> list[Path]:
    """Segment an image, or every image below a folder.

    ``a/b.jpg`` becomes ``<out>/a/b.png`` (mode L, class ids) and ``<out>/a/b-overlay.jpg``.

    Args:
        network: in evaluation mode.
        card: of the deployed file.
        images: a file or a folder.
        out: made if missing.
        size: height and width in pixels that the network's input covers.
        quiet: no progress display.

    Returns:
        The masks that were written.

    Raises:
        UsageError: no image there, or two images whose masks would have one name.
        DagenError: a damaged image.
    """
    files = find_images(images)
    base = images if images.is_dir() else images.parent
    masks = {file: (out / file.relative_to(base)).with_suffix(".png") for file in files}
    _refuse_clashes(masks)
    classes = Task(card.task).classes
    with Progress(quiet=quiet) as progress:
        bar = progress.task("segmenting", len(files))
        for file, mask in masks.items():
            image = read_image(file)
            label = probabilities(network, image, size).argmax(0).cpu().numpy().astype(np.uint8)
            make_folder(mask.parent)
            Image.fromarray(label).save(mask)
            drawn = Image.fromarray(overlay(image, label, classes))
            drawn.save(mask.with_name(f"{mask.stem}-overlay.jpg"), quality=92)
            bar.advance()
    return list(masks.values())


def _refuse_clashes(masks: dict[Path, Path]) -> None:
    seen: dict[Path, Path] = {}
    for file, mask in masks.items():
        if mask in seen:
            raise UsageError(
                f"{file} and {seen[mask]} would both become {mask}; rename one of them."
            )
        seen[mask] = file
