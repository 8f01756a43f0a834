"""Guesses where the files of a COCO data set lie."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from dagen.datasets.own.layout import WORDS, splits_line
from dagen.datasets.own.patterns import SPLIT
from dagen.datasets.reading import coco_json
from dagen.datasets.reading.coco_entries import role_of
from dagen.datasets.reading.paths import folded, list_images
from dagen.errors import DataError

_WORD = re.compile(rf"(?<![a-z])({'|'.join(sorted(WORDS, key=len, reverse=True))})(?![a-z])", re.I)
_DEPTH = 3


def guess(path: Path) -> tuple[Path, str] | None:
    """The folder and text of a ``dagen.toml``; None if there is no COCO file.

    Args:
        path: a COCO file, or a folder that has some.
    """
    files = [path] if path.is_file() else _json_files(path)
    read = {file: found for file in files if (found := _read(file)) is not None}
    if not read:
        return None
    first = next(iter(read))
    root, images = _images(path, first, read[first])
    text = first.relative_to(root).as_posix()
    pattern = _WORD.sub(SPLIT, text)
    words = {}
    for file in read:
        name = file.relative_to(root).as_posix()
        if (word := _WORD.search(name)) and _WORD.sub(SPLIT, name) == pattern:
            words[WORDS[word[1].lower()]] = word[1]
    several = len(words) > 1  # the one file of a single split is drawn from by share
    lines = [
        "# Written by `dagen data new`. Lines with a guess say so; correct them, and then run",
        "# `dagen data check`, which opens every file.",
        'kind = "coco"',
        f'images = "{_WORD.sub(SPLIT, images) if several else images}"  # a guess',
        *_missing(root, images, text, read[first]),
        f'annotations = "{pattern if several else text}"',
        "# The classes are the background and these categories (with their numbers of objects):",
        *_categories(read),
        '# Rename or merge them in a table at the end of this file: [map] and "old" = "new".',
        splits_line(words if several else {}),
    ]
    return root, "\n".join(lines) + "\n"


def _json_files(root: Path) -> list[Path]:
    found = (file for k in range(_DEPTH) for file in root.glob("*/" * k + "*.json"))
    # A split for training first: its categories are the classes.
    return sorted(found, key=lambda file: ("train" not in str(file.relative_to(root)), str(file)))


def _read(file: Path) -> coco_json.Annotations | None:
    try:
        content = file.read_bytes()
        head = json.loads(content.decode(json.detect_encoding(content)))
        if not (isinstance(head, dict) and "images" in head and "categories" in head):
            return None
        return coco_json.read(file)
    except (OSError, ValueError, RecursionError, DataError):
        return None


def _images(given: Path, file: Path, found: coco_json.Annotations) -> tuple[Path, str]:
    """The folder of ``dagen.toml``, and that of the images below it."""
    roots = [given] if given.is_dir() else [file.parent, file.parent.parent]
    word = match[1] if (match := _WORD.search(file.name)) else ""
    name = next(iter(found.images), "")
    for root in roots:
        beside = file.parent.relative_to(root).as_posix()
        below = (f"images/{word}", f"{word}/images", "images", word, ".")
        for place in (beside, f"{beside}/images", *below):
            if name and (root / place / name).is_file():
                return root, Path(place).as_posix()
    # CVAT puts the pictures into images/default: the folder from which most names are right.
    known = {f"/{each}" for each in found.images}
    heads = Counter(
        path.removesuffix(end).lstrip("/") or "."
        for path in (f"/{each}" for each in list_images(roots[0]))
        for end in _endings(path)
        if end in known
    )
    return roots[0], max(heads, key=lambda head: heads[head], default="images")


def _missing(root: Path, images: str, file: str, found: coco_json.Annotations) -> Iterator[str]:
    """A line if pictures that a file names are not there."""
    head = "" if images == "." else f"{images}/"
    there = {folded(name) for name in list_images(root)}
    gone = [name for name in found.images if folded(f"{head}{name}") not in there]
    total = len(found.images)
    if gone:
        yield (
            f"# No picture of the {total} that {file} names is there, such as {head}{gone[0]}."
            if len(gone) == total
            else f"# {len(gone)} of the {total} pictures that {file} names are not there, such as "
            f"{head}{gone[0]}."
        )


def _endings(path: str) -> Iterator[str]:
    """``/a/b/c``, ``/b/c`` and ``/c`` of the path ``/a/b/c``."""
    yield from (path[k:] for k, letter in enumerate(path) if letter == "/")


def _categories(read: dict[Path, coco_json.Annotations]) -> list[str]:
    """The categories of the first file with their objects, and those that have none."""
    known, *others = map(_objects, read.values())
    lines = [f"#   {name}: {count}" for name, count in known.items()]
    empty = [name for name, count in known.items() if not count]
    elsewhere = [name for name in empty if any(other.get(name) for other in others)]
    if elsewhere:
        lines.append(f"# {', '.join(elsewhere)}: objects only in other files, so not learnt here.")
    if unused := [name for name in empty if name not in elsewhere and role_of(name) is None]:
        lines.append("# A guess: a category without any object cannot be learnt and is left out.")
        lines.append(f"ignore = {json.dumps(unused, ensure_ascii=False)}")
    return lines


def _objects(found: coco_json.Annotations) -> dict[str, int]:
    """The number of objects of each category, by name, in the order of their ids."""
    counts = {name: 0 for _, name in sorted(found.categories.items())}
    for group in found.instances.values():
        for one in group:
            counts[found.categories[one.category_id]] += 1
    return counts
