"""``dagen data new``: looks at a folder and writes a first ``dagen.toml``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from dagen.datasets.own import new_coco
from dagen.datasets.own.declaration import FILE, read
from dagen.datasets.own.layout import Place, counted, joined, parents, places, splits_line
from dagen.datasets.own.looking import Mask, look, why_no_mask
from dagen.datasets.own.new_classes import class_lines
from dagen.datasets.own.patterns import SPLIT, Pattern, files_of
from dagen.datasets.own.unread import unread_annotations
from dagen.datasets.reading.paths import list_images
from dagen.errors import DataError, UsageError
from dagen.system.files import write_atomically

_MASKS = re.compile("mask|label|annot|seg|truth|gt|ids?$", re.IGNORECASE)


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
    if len(like_masks) == len(found):  # pictures of few colours: names tell what masks are
        like_masks = [place for place in found if _MASKS.search(place.pattern)]
    if len(like_masks) == len(found):
        like_masks = []
    photos = [place for place in found if place not in like_masks]
    scenes = [place for place in photos if not _MASKS.search(place.pattern)] or photos
    others = [place for place in found if place not in scenes]
    if (pair := _paired(scenes, like_masks, others)) is not None:
        images, masks = pair
        lines = [*_images(root, images, masks.files, photos)]
        if bare := len(images.keys - masks.keys):
            have = "1 image has" if bare == 1 else f"{bare} images have"
            lines.append(f"# {have} no mask: in a target some may lack one, in a source none.")
        return _text(root, [*lines, *_masks(root, masks.pattern, masks.files)], images)
    images = _unmasked(scenes, others)
    tail, files = _beside(root, images)
    lines = [*_images(root, images, files, photos)]
    if tail:
        pattern = f"{images.pattern}/{{name}}{tail}".removeprefix("./")
        return _text(root, [*lines, *_masks(root, pattern, files)], images)
    if (renamed := _renamed(images, like_masks)) is not None:
        return _text(root, [*lines, *_masks(root, *renamed)], images)
    lines += [
        "# No masks were found. Images without labels can be a target (--tgt); to score on",
        '# them, add masks = "..." and ids = {"0" = "background", "1" = "..."}.',
    ]
    if named := [p for p in photos if p not in scenes and p.stems & images.stems]:
        first = next(n for n in named[0].files if PurePosixPath(n).stem in images.stems)
        lines += [
            f"# {named[0].pattern} has files with the names of the images, but not masks:",
            "# a mask is a PNG file of ids, or of one colour for each class, and never a JPEG;",
            f"# {first} {why_no_mask(root / first) or 'looks like one'}.",
        ]
    elif like_masks:
        odd = like_masks[0]
        lines += [
            f"# {odd.pattern} has {counted(len(odd.files), 'picture')} that may be masks, but not",
            f"# with names of images, such as {odd.files[0]}: give each the name of its image.",
        ]
    return _text(root, lines, images)


def _paired(
    scenes: list[Place], like_masks: list[Place], others: list[Place]
) -> tuple[Place, Place] | None:
    """The images and the masks that have most names in common; of several, the most images."""
    whole = joined(like_masks, scenes)
    above = [
        each
        for place in whole
        for each in parents(place)
        if not any(each.holds(scene) for scene in scenes)
    ]
    pairs = [
        (images, masks)
        for images in (*joined(scenes, others), *scenes)
        for masks in (*whole, *like_masks, *above)
    ]

    def fit(pair: tuple[Place, Place]) -> tuple[int, int]:
        images, masks = pair
        return len(images.keys & masks.keys), len(images.files)

    best = max(pairs, key=fit, default=None)
    return best if best is not None and fit(best)[0] else None


def _unmasked(scenes: list[Place], others: list[Place]) -> Place:
    """The images of a folder without masks."""
    whole = joined(scenes, others)[0]
    inner = [place for place in scenes if whole.holds(place)]
    stems = [place.stems for place in inner]
    alike = len(inner) > 1 and len(stems[0]) > 1 and all(each == stems[0] for each in stems)
    return inner[0] if alike else whole  # alike: perhaps one scene, taken by several sensors


def _beside(root: Path, place: Place) -> tuple[str, list[str]]:
    """Masks in the folder of the images: what follows the image's name in theirs, and the files."""
    stems, tails = place.stems, Counter[str]()
    owner: dict[str, str] = {}
    for name in place.files:
        file = PurePosixPath(name)
        shorter = [s for s in stems if file.stem.startswith(s) and file.stem != s]
        if shorter and look(root / name) is not None:
            owner[name] = file.name[len(max(shorter, key=len)) :]
            tails[owner[name]] += 1
    if not tails:
        return "", []
    tail = tails.most_common(1)[0][0]
    return tail, [name for name, own in owner.items() if own == tail]


def _renamed(images: Place, like_masks: list[Place]) -> tuple[str, list[str]] | None:
    """Masks in a folder of their own whose names are longer by one beginning or end, and these."""
    known = images.keys
    best: tuple[str, list[str]] | None = None
    for place in like_masks:
        found: dict[tuple[str, str], list[str]] = {}
        for name in place.files:
            folder, _, stem = place.key(name).rpartition("/")
            ends = [(stem[:k], "") for k in range(1, len(stem))]
            ends += [("", stem[k:]) for k in range(1, len(stem))]
            for head, tail in ends:
                if f"{folder}/{stem[len(head) : len(stem) - len(tail)]}" in known:
                    ending = tail + PurePosixPath(name).suffix
                    found.setdefault((head, ending), []).append(name)
        for (head, tail), files in found.items():
            if len(files) > max(len(place.files) // 2, len(best[1]) if best else 0):
                best = f"{place.pattern}/{head}{{name}}{tail}".removeprefix("./"), files
    return best


def _looks_like_masks(root: Path, place: Place) -> bool:
    return all(mask is not None for mask in _few(root, place))


def _few(root: Path, place: Place) -> list[Mask | None]:
    """What about five files of a place look like."""
    step = max(1, len(place.files) // 5)
    return [look(root / name) for name in place.files[::step]]


def _images(root: Path, place: Place, masks: list[str], photos: list[Place]) -> Iterator[str]:
    """The line about images, and what stays outside or should not be among them."""
    words = place.words.values() if SPLIT in place.pattern else [""]
    parts = (files_of(root, Pattern(place.pattern.replace(SPLIT, word))) for word in words)
    listed = {name for part in parts for name in part} - {*masks}
    yield f'images = "{place.pattern}"  # {counted(len(listed), "image")}'
    for other in photos:
        if left := {*other.files} - listed - {*masks}:
            have = "1 more image; it is" if len(left) == 1 else f"{len(left)} more images; they are"
            yield f"# {other.pattern} has {have} not in this data set."
    if odd := listed - {name for each in photos for name in each.files}:
        first = min(odd)
        yield f"# {len(odd)} of the images look like masks, such as {first}: move them away."


def _masks(root: Path, pattern: str, files: list[str]) -> list[str]:
    return [f'masks = "{pattern}"  # {counted(len(files), "mask")}', *class_lines(root, files)]


def _text(root: Path, lines: list[str], images: Place) -> str:
    whole = [
        "# Written by `dagen data new`. Lines with a guess say so; correct them, and then run",
        "# `dagen data check`, which opens every file.",
        'kind = "folder"',
        *lines,
        *(f"# {sentence}" for sentence in unread_annotations(root)),
        splits_line(images.words),
    ]
    return "\n".join(whole) + "\n"
