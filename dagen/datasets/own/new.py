"""``dagen data new``: looks at a folder and writes a first ``dagen.toml``."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path, PurePosixPath

from dagen.datasets.own import new_coco
from dagen.datasets.own.declaration import FILE, read
from dagen.datasets.own.layout import Place, places, splits_line
from dagen.datasets.own.looking import Mask, by_colour, look
from dagen.datasets.own.patterns import SPLIT
from dagen.datasets.reading.colour_masks import written
from dagen.datasets.reading.paths import list_images
from dagen.errors import DataError, UsageError
from dagen.system.files import write_atomically

_MASKS = re.compile("mask|label|annot|seg|truth|gt|ids?$", re.IGNORECASE)
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
    if not photos:  # pictures of few colours: those that are called masks are masks
        like_masks = [place for place in found if _MASKS.search(place.pattern)]
        photos = [place for place in found if place not in like_masks] or found
    photos.sort(key=lambda place: _MASKS.search(place.pattern) is not None)
    images = photos[0]
    masks = max(like_masks, key=lambda each: len(each.stems & images.stems), default=None)
    if masks is not None and masks.stems & images.stems:
        return _text(root, images.pattern, masks.pattern, images, masks.files)
    pattern, files, rest = _beside(root, images)
    text = _text(root, images.pattern, pattern, rest, files)
    alike = [place for place in photos[1:] if place.stems & images.stems]
    if not files and alike:
        text += (
            f"# {alike[0].pattern} has files with the names of the images, but not masks:\n"
            "# a mask is a PNG file of ids, or of one colour for each class, and never a JPEG.\n"
        )
    return text


def _beside(root: Path, place: Place) -> tuple[str | None, list[str], Place]:
    """Masks in the folder of the images, such as ``a_mask.png`` beside ``a.jpg``."""
    stems, tails = place.stems, Counter[str]()
    owner: dict[str, str] = {}
    for name in place.files:
        file = PurePosixPath(name)
        shorter = [s for s in stems if file.stem.startswith(s) and file.stem != s]
        if shorter and look(root / name) is not None:
            owner[name] = file.name[len(max(shorter, key=len)) :]
            tails[owner[name]] += 1
    if not tails:
        return None, [], place
    tail = tails.most_common(1)[0][0]
    masks = [name for name, own in owner.items() if own == tail]
    rest = Place(place.pattern, place.words, [n for n in place.files if n not in masks])
    folder = "" if place.pattern == "." else f"{place.pattern}/"
    return f"{folder}{{name}}{tail}", masks, rest


def _looks_like_masks(root: Path, place: Place) -> bool:
    return all(mask is not None for mask in _few(root, place))


def _few(root: Path, place: Place) -> list[Mask | None]:
    """What about five files of a place look like."""
    step = max(1, len(place.files) // 5)
    return [look(root / name) for name in place.files[::step]]


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
    chosen = files[:: max(1, len(files) // _LOOKED_AT)]
    masks = [mask for name in chosen if (mask := look(root / name)) is not None]
    coloured = by_colour(masks)
    seen: Counter[int] = Counter()
    for mask in masks:
        seen += mask.colours if coloured else mask.ids
    total = sum(seen.values())
    shares = {value: f"{100 * count / total:.2f} %" for value, count in seen.items()}
    kind = "Colours" if coloured else "Ids"
    head = f"# {kind} found in {len(masks)} masks, with their share of the pixels:"
    return [head, *(_by_colour(seen, shares) if coloured else _by_id(seen, shares))]


def _by_id(seen: Counter[int], shares: dict[int, str]) -> list[str]:
    lines = [f"#   {value}: {shares[value]}" for value in sorted(seen)]
    named = {value: "background" if value == 0 else f"class-{value}" for value in sorted(seen)}
    few = [value for value in named if value not in (0, 255)]
    if 255 in named and few and max(few) < 128:
        del named[255]
        lines.append("# A guess: 255 is ignored. If it is a class, add it to ids.")
    lines.append("# A guess: the names. Classes of source and target meet by name.")
    ids = ", ".join(f'"{value}" = "{name}"' for value, name in named.items())
    return [*lines, f"ids = {{{ids}}}"]


def _by_colour(seen: Counter[int], shares: dict[int, str]) -> list[str]:
    ordered = [colour for colour, _ in seen.most_common()]
    lines = [f"#   {written(colour)}: {shares[colour]}" for colour in ordered]
    ground = 0 if 0 in seen else ordered[0]
    others = [colour for colour in ordered if colour != ground]
    named = {"background": ground, **{f"class-{k}": c for k, c in enumerate(others, 1)}}
    lines += [
        "# A guess: the names. Classes of source and target meet by name; call a colour of pixels",
        "# that do not count ignore.",
    ]
    colours = ", ".join(f'{name} = "{written(colour)}"' for name, colour in named.items())
    return [*lines, f"colours = {{{colours}}}"]
