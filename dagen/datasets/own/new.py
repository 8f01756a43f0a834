"""``dagen data new``: looks at a folder and writes a first ``dagen.toml``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np

from dagen.datasets.own import new_coco
from dagen.datasets.own.declaration import FILE, read
from dagen.datasets.own.layout import Place, places, splits_line
from dagen.datasets.own.patterns import SPLIT
from dagen.datasets.reading.images import open_image
from dagen.datasets.reading.paths import list_images
from dagen.errors import DataError, UsageError
from dagen.system.files import write_atomically

_MODES = ("L", "P", "1", "I;16", "I;16B", "I;16L", "I")
_MOST_IDS = 64
"""An image of more grey values is a photograph, not a mask."""
_LOOKED_AT = 200


def write(path: Path) -> Path:
    """Write a first ``dagen.toml`` for a folder or a COCO file.

    Args:
        path: a folder of images (and masks, or COCO files), or a COCO file.

    Returns:
        The file, which is below ``path`` or beside it.

    Raises:
        UsageError: there is nothing of that name, or a ``dagen.toml`` already.
        DataError: there is no image, or nothing can be guessed.
    """
    if not path.exists():
        raise UsageError(f"{path} does not exist; give a folder of images, or a COCO file.")
    root, text = new_coco.guess(path) or (path, "")
    if not text:
        if path.is_file():
            raise UsageError(f"{path} is not a COCO file; give a folder of images, or a COCO file.")
        text = _folder(path)
    if (root / FILE).exists():
        raise UsageError(f"{root / FILE} exists already; edit it, or remove it first.")
    write_atomically(root / FILE, text.encode())
    read(root)  # what is written can be read
    return root / FILE


def _folder(root: Path) -> str:
    names = list_images(root)
    if not names:
        raise DataError(f"{root} has no image; give a folder of images, or a COCO file.")
    found = places(names)
    like_masks = [place for place in found if _looks_like_masks(root, place)]
    photos = [place for place in found if place not in like_masks]
    if not photos:  # grey photographs
        photos, like_masks = found, []
    images = photos[0]
    masks = max(like_masks, key=lambda each: len(each.stems & images.stems), default=None)
    if masks is not None and masks.stems & images.stems:
        return _text(root, images.pattern, masks.pattern, images, masks.files)
    pattern, files, rest = _beside(root, images)
    return _text(root, images.pattern, pattern, rest, files)


def _beside(root: Path, place: Place) -> tuple[str | None, list[str], Place]:
    """Masks in the folder of the images, such as ``a_mask.png`` beside ``a.jpg``."""
    stems, tails = place.stems, Counter[str]()
    owner: dict[str, str] = {}
    for name in place.files:
        file = PurePosixPath(name)
        shorter = [s for s in stems if file.stem.startswith(s) and file.stem != s]
        if shorter and _ids(root / name) is not None:
            owner[name] = file.name[len(max(shorter, key=len)) :]
            tails[owner[name]] += 1
    if not tails:
        return None, [], place
    tail = tails.most_common(1)[0][0]
    masks = [name for name, own in owner.items() if own == tail]
    rest = Place(place.pattern, place.words, [n for n in place.files if n not in masks])
    return f"{place.pattern}/{{name}}{tail}", masks, rest


def _looks_like_masks(root: Path, place: Place) -> bool:
    step = max(1, len(place.files) // 5)
    return all(_ids(root / name) is not None for name in place.files[::step])


def _ids(path: Path) -> Counter[int] | None:
    """How many pixels have each value; None for a photograph."""
    if path.suffix.lower() not in (".png", ".bmp", ".tif", ".tiff"):
        return None
    try:
        with open_image(path) as image:
            if image.mode not in _MODES:
                return None
            values, counts = np.unique(np.array(image), return_counts=True)
    except (DataError, OSError, ValueError):
        return None
    if len(values) > _MOST_IDS or values.max() > 255:
        return None
    return Counter(dict(zip(values.tolist(), counts.tolist(), strict=True)))


def _text(root: Path, images: str, masks: str | None, place: Place, files: list[str]) -> str:
    lines = [
        "# Written by `dagen data new`. Lines with a guess say so; correct them, and then run",
        "# `dagen data check`, which opens every file.",
        'kind = "folder"',
        f'images = "{images}"  # {len(place.files)} images',
    ]
    if masks is None:
        lines.append(
            "# No masks were found. Images without labels can be a target (--tgt); to score on\n"
            '# them, add masks = "..." and ids = {"0" = "background", "1" = "..."}.'
        )
    else:
        lines += [f'masks = "{masks}"  # {len(files)} masks', *_classes(root, files)]
    lines.append(splits_line(place.words if SPLIT in images else {}))
    return "\n".join(lines) + "\n"


def _classes(root: Path, files: list[str]) -> list[str]:
    seen: Counter[int] = Counter()
    chosen = files[:: max(1, len(files) // _LOOKED_AT)]
    for name in chosen:
        seen += _ids(root / name) or Counter()
    total = sum(seen.values())
    lines = [f"# Ids found in {len(chosen)} masks, with their share of the pixels:"]
    lines += [f"#   {value}: {100 * seen[value] / total:.2f} %" for value in sorted(seen)]
    named = {value: "background" if value == 0 else f"class-{value}" for value in sorted(seen)}
    few = [value for value in named if value not in (0, 255)]
    if 255 in named and few and max(few) < 128:
        del named[255]
        lines.append("# A guess: 255 is ignored. If it is a class, add it to ids.")
    lines.append("# A guess: the names. Classes of source and target meet by name.")
    ids = ", ".join(f'"{value}" = "{name}"' for value, name in named.items())
    return [*lines, f"ids = {{{ids}}}"]
