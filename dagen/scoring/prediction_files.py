"""Which pictures are segmented, and where their masks go: no file of the user's is lost."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from dagen.datasets.reading.formats import unread
from dagen.datasets.reading.images import open_image
from dagen.datasets.reading.paths import list_images, list_unread
from dagen.errors import DataError, UsageError
from dagen.scoring.video.addresses import SUFFIXES

MARK = ("Software", "dagen predict")
"""The text in every mask's PNG file by which dagen knows its own."""


@dataclass(frozen=True)
class Job:
    """What is to be segmented.

    Attributes:
        masks: the mask to write, by picture, in order.
        unread: what is said about pictures of formats that are not read.
    """

    masks: dict[Path, Path]
    unread: list[str]


def overlay_of(mask: Path) -> Path:
    """The overlay beside a mask."""
    return mask.with_name(f"{mask.stem}-overlay.jpg")


def plan(images: Path, out: Path) -> Job:
    """The pictures at or below ``images``, and their masks below ``out``.

    Hidden files are left out, and so are masks and overlays that dagen wrote earlier.

    Raises:
        UsageError: there is no picture, two masks would have one name, or a file of the user's
            would be overwritten; nothing has been written then.
    """
    if images.is_file():
        return Job(_checked({images: out / f"{images.stem}.png"}), [])
    if not images.is_dir():
        raise UsageError(
            f"{images} does not exist; give an image, a folder of images, a video, a camera's "
            "index, or an address."
        )
    names = list_images(images)
    own = {name for name in names if _is_own(images / name)}
    strange = list_unread(images)
    if len(own) == len(names) and not strange:
        found = "only masks and overlays that dagen wrote" if own else "no image"
        films = [path.name for path in images.iterdir() if path.suffix.lower() in SUFFIXES]
        hint = f", or a video by itself, such as {images / min(films)}" if films else ""
        raise UsageError(
            f"{images} has {found}; give a folder of JPEG, PNG, TIFF, BMP or WebP{hint}."
        )
    masks = {images / name: (out / name).with_suffix(".png") for name in names if name not in own}
    return Job(
        _checked(masks),
        [unread(images / name) for name in strange],
    )


def _is_own(path: Path) -> bool:
    """Whether dagen wrote a file: a mask, or the overlay beside one."""
    mask = path.with_name(path.name.removesuffix("-overlay.jpg") + ".png")
    return _is_own_mask(path) or (path == overlay_of(mask) and _is_own_mask(mask))


def _is_own_mask(path: Path) -> bool:
    if path.suffix != ".png" or not path.is_file():
        return False
    try:
        with open_image(path) as image:
            marked = image.info.get(MARK[0]) == MARK[1]
            # Version 0.1 left no mark.
            return marked or (image.mode == "L" and overlay_of(path).exists())
    except DataError:
        return False


def _checked(masks: dict[Path, Path]) -> dict[Path, Path]:
    """``masks``, unless one of them or its overlay is another file of the user's."""
    seen: dict[Path, Path] = {}
    inputs = {_identity(picture): picture for picture in masks}
    for picture, mask in masks.items():
        if mask in seen:
            raise UsageError(
                f"{picture} and {seen[mask]} would both become {mask}; rename one of them."
            )
        seen[mask] = picture
        for path in (mask, overlay_of(mask)):
            if not path.exists():
                continue
            if (same := inputs.get(_identity(path))) is not None:
                raise UsageError(
                    f"the picture {same} would be overwritten by {path}; give another folder for "
                    "the masks with --out."
                )
            if not _is_own(path):
                raise UsageError(
                    f"{path} exists, and dagen predict did not write it; move it away, or give "
                    "another folder for the masks with --out."
                )
    return masks


def _identity(path: Path) -> tuple[int, int]:
    """The same for all names of one file: links, other letters' case, and ``.``."""
    status = os.stat(path)
    return status.st_dev, status.st_ino
