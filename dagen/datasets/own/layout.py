"""Where the files of a folder lie, written as patterns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

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


def places(files: Iterable[str]) -> list[Place]:
    """The files grouped by the pattern of their folder, the largest group first.

    Sub-folders of one split, or of a folder without splits, that hold files of one kind are one
    group if there are many of them.
    """
    found: dict[str, Place] = {}
    for name in sorted(files):
        parts = list(PurePosixPath(name).parent.parts)
        word = next((part for part in parts if part.casefold() in WORDS), None)
        shape = "/".join(SPLIT if part == word else part for part in parts) or "."
        place = found.setdefault(shape, Place(shape))
        place.files.append(name)
        if word is not None:
            place.words[WORDS[word.casefold()]] = word
    return sorted(_merged(found.values()), key=lambda place: -len(place.files))


def _merged(found: Iterable[Place]) -> list[Place]:
    """Groups that are different sub-folders of one ``{split}`` folder, joined."""
    found = list(found)
    heads = Counter(_head(place.pattern) for place in found)
    joined: dict[str, Place] = {}
    for place in found:
        head = _head(place.pattern)
        pattern = head if heads[head] > 2 else place.pattern
        into = joined.setdefault(pattern, Place(pattern))
        into.files += place.files
        into.words |= place.words
    return list(joined.values())


def _head(pattern: str) -> str:
    parts = PurePosixPath(pattern).parts
    if SPLIT in parts:
        return "/".join(parts[: parts.index(SPLIT) + 1])
    return parts[0] if parts else "."


def splits_line(words: dict[str, str]) -> str:
    """The line of ``dagen.toml`` about splits."""
    if not words:
        return "splits = {val = 0.2}  # a fifth of the images, drawn by a seed, is for scoring"
    other = {split: word for split, word in words.items() if split != word}
    if not other:
        return f"# The splits are folders: {', '.join(words)}."
    given = ", ".join(f'{split} = "{word}"' for split, word in words.items())
    return f"splits = {{{given}}}"
