"""Where the files of a folder lie, written as patterns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from posixpath import commonpath

from dagen.datasets.own.patterns import SPLIT

WORDS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
    "dev": "val", "test": "test", "testing": "test",
}  # fmt: skip
"""Words in paths by which people mean a split."""


@dataclass
class Place:
    """Files under one pattern.

    Attributes:
        pattern: their folder, with ``{split}`` where its name is one of a split.
        words: the words found in place of ``{split}``.
        files: their paths, with ``/``.
    """

    pattern: str
    words: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    @property
    def stems(self) -> set[str]:
        """Names of the files without folder and suffix."""
        return {PurePosixPath(name).stem for name in self.files}

    @property
    def keys(self) -> set[str]:
        """What an image and its mask share: split, sub-folders below the pattern, and name."""
        return {*map(self.key, self.files)}

    def key(self, name: str) -> str:
        """What a file shares with its mask or image; see :attr:`keys`."""
        file = PurePosixPath(name)
        parts = [] if self.pattern == "." else self.pattern.split("/")
        split = WORDS[file.parts[parts.index(SPLIT)].casefold()] if SPLIT in parts else ""
        return "/".join([split, *file.with_suffix("").parts[len(parts) :]])

    def holds(self, other: Place) -> bool:
        """Whether the other's folder is this one's, or lies below it."""
        return _below(other.pattern, self.pattern)


def places(files: Iterable[str]) -> list[Place]:
    """The files grouped by the pattern of their folder, the largest group first."""
    found: dict[str, Place] = {}
    for name in sorted(files):
        parts = list(PurePosixPath(name).parent.parts)
        word = next((part for part in parts if part.casefold() in WORDS), None)
        shape = "/".join(SPLIT if part == word else part for part in parts) or "."
        place = found.setdefault(shape, Place(shape))
        place.files.append(name)
        if word is not None:
            place.words[WORDS[word.casefold()]] = word
    return sorted(found.values(), key=lambda place: -len(place.files))


def joined(found: Iterable[Place], others: Iterable[Place]) -> list[Place]:
    """Places that are sub-folders of one folder as one place, the largest first.

    Args:
        found: places of one kind of files, images or masks.
        others: all other places; no joined folder holds one of them.
    """
    found = list(found)
    groups: dict[str, list[Place]] = {}
    for place in found:
        foreign = [o.pattern for o in others] + [
            other.pattern for other in found if _head(other.pattern) != _head(place.pattern)
        ]
        top = place.pattern
        for parent in _ancestors(place.pattern):
            if any(_below(each, parent) for each in foreign):
                break
            top = parent
        groups.setdefault(top, []).append(place)
    whole = [_one(group) for group in groups.values()]
    return sorted(whole, key=lambda place: -len(place.files))


def parents(place: Place) -> list[Place]:
    """The same files under each folder above theirs: masks may exist for one sub-folder alone."""
    return [Place(each, place.words, place.files) for each in _ancestors(place.pattern)]


def _one(group: list[Place]) -> Place:
    if len(group) == 1:
        return group[0]
    pattern = commonpath(place.pattern for place in group if place.pattern != ".") or "."
    if any(place.pattern == "." for place in group):
        pattern = "."
    whole = Place(pattern)
    for place in group:
        whole.files += place.files
        whole.words |= place.words
    return whole


def _head(pattern: str) -> str:
    """The pattern up to ``{split}``; folders with and without it are never one place."""
    head, split, _ = pattern.partition(SPLIT)
    return head + split if split else ""


def _ancestors(pattern: str) -> list[str]:
    """The folders above, the nearest first; not above ``{split}``."""
    above = [each.as_posix() for each in PurePosixPath(pattern).parents]
    return [each for each in above if SPLIT in each or SPLIT not in pattern]


def _below(pattern: str, folder: str) -> bool:
    return folder in (".", pattern) or pattern.startswith(f"{folder}/")


def splits_line(words: dict[str, str]) -> str:
    """The line of ``dagen.toml`` about splits."""
    if not words:
        return "splits = {val = 0.2}  # a fifth of the images, drawn by a seed, is for scoring"
    other = {split: word for split, word in words.items() if split != word}
    if not other:
        return f"# The splits are folders: {', '.join(words)}."
    given = ", ".join(f'{split} = "{word}"' for split, word in words.items())
    return f"splits = {{{given}}}"


def counted(number: int, what: str) -> str:
    """``1 image``, ``2 images``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
