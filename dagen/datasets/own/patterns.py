"""Where files lie: patterns with ``{split}`` and ``{name}``, and the split of each image."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path, PurePosixPath

from dagen.datasets.own.declaration import FILE, SPLITS, Declaration
from dagen.datasets.reading.paths import canonical_stem, folded, inside, list_images, portable
from dagen.errors import DataError, listed

SPLIT, NAME = "{split}", "{name}"


@dataclass(frozen=True)
class Pattern:
    """One pattern for one split.

    ``images/train`` is a folder. ``images/train/{name}_rgb.png`` names files, and ``{name}`` may
    have sub-folders.

    Attributes:
        text: the pattern without ``{split}``.
    """

    text: str

    @property
    def names_files(self) -> bool:
        """Whether it has ``{name}``, so that it names files and not a folder."""
        return NAME in self.text

    @property
    def folder(self) -> str:
        """The folder of the files, with ``/``."""
        if not self.names_files:
            return self.text
        return self.text.partition(NAME)[0].rpartition("/")[0] or "."

    def name_of(self, path: str) -> str | None:
        """The part of a path that ``{name}`` stands for; None if the path does not fit.

        Accents may be composed or decomposed, and ``.JPG`` is ``.jpg``.

        Args:
            path: path of a file below the data set's folder, with ``/``.
        """
        if not self.names_files:
            inner = path.removeprefix(f"{self.text}/") if self.text != "." else path
            return canonical_stem(inner)
        composed = unicodedata.normalize("NFC", path)
        head, _, tail = unicodedata.normalize("NFC", self.text).partition(NAME)
        name = composed[len(head) : len(composed) - len(tail)]
        fits = name and folded(composed) == folded(f"{head}{name}{tail}")
        return name if fits else None

    def path_of(self, name: str) -> str:
        """The path of a file, given the part that ``{name}`` stands for."""
        return self.text.replace(NAME, name)


def pattern(text: str, declared: Declaration, split: str) -> Pattern:
    """A pattern of ``dagen.toml`` for one split."""
    word = declared.splits.of(split)
    plain = isinstance(word, str) and not word.endswith(".txt")
    return Pattern(text.replace(SPLIT, str(word) if plain else split))


def files_of(root: Path, found: Pattern) -> list[str]:
    """The images of a pattern that exist, as sorted paths below ``root`` with ``/``."""
    return [name for name in below(root, found) if found.name_of(name) is not None]


def below(root: Path, found: Pattern) -> list[str]:
    """All pictures in the folder of a pattern; see :func:`files_of`."""
    prefix = "" if found.folder == "." else f"{found.folder}/"
    return [prefix + name for name in list_images(root / found.folder)]


def chosen(
    names: Iterable[str], declared: Declaration, root: Path, split: str, faults: list[str]
) -> list[str]:
    """The names of one split, where ``{split}`` does not tell the splits apart.

    A split has the images that its list names, or a share of those that no list names. What is left
    is for training, unless training has a list.

    Args:
        names: paths of all images, with ``/``.
        declared: what ``dagen.toml`` says about splits.
        root: the data set's folder.
        split: the split.
        faults: takes a sentence about a list that is missing, or names images that do not exist.
    """
    ordered = sorted(names)
    named = _lists(ordered, declared, root, split, faults)
    if split in named:
        return named[split]
    shares = declared.splits.shares
    if split not in shares:
        if _told_apart(declared) and not shares:
            return ordered
        if split != "train" or undivided(declared):
            return []
    taken = {name for found in named.values() for name in found}
    rest = [name for name in ordered if name not in taken]
    # By a draw of its own for each name; the seed and the names alone decide.
    key = f"{declared.splits.seed}"
    drawn = sorted(rest, key=lambda n: hashlib.blake2b(f"{key}/{n}".encode()).digest())
    start = 0
    for each in SPLITS[1:]:
        if each in shares:
            count = max(1, round(shares[each] * len(drawn)))
            if each == split:
                return sorted(drawn[start : start + count])
            start += count
    return sorted(drawn[start:])


def undivided(declared: Declaration) -> bool:
    """Whether nothing tells the splits apart: no ``{split}`` and no entry of ``splits``."""
    return not (_told_apart(declared) or declared.splits.told)


def _lists(
    names: list[str], declared: Declaration, root: Path, split: str, faults: list[str]
) -> dict[str, list[str]]:
    """The images that each list names, by split; one that two lists name is a fault."""
    found: dict[str, list[str]] = {}
    # Where each split has a folder or file of its own, other lists name other images.
    for each in (split,) if _told_apart(declared) else SPLITS:
        entry = declared.splits.of(each)
        if isinstance(entry, str) and entry.endswith(".txt"):
            found[each] = _listed(names, _lines(root, entry, faults), root / entry, faults)
        elif isinstance(entry, list):
            found[each] = _listed(names, entry, root / FILE, faults)
    for one, other in combinations(found, 2):
        if both := sorted({*found[one]} & {*found[other]}):
            faults.append(
                f"{root / FILE}: the lists of {one} and {other} both name {listed(both)}: keep "
                "each image in one split."
            )
    return found


def _told_apart(declared: Declaration) -> bool:
    """Whether folders or annotation files tell the splits apart."""
    if SPLIT in declared.images:
        return True
    return declared.kind == "coco" and SPLIT in declared.annotations


def _lines(root: Path, name: str, faults: list[str]) -> list[str]:
    try:
        text = inside(root, name, str(root / FILE)).read_text(encoding="utf-8-sig")
    except DataError as error:
        faults.append(str(error))
        return []
    except (OSError, UnicodeDecodeError) as error:
        faults.append(f"{root / name} cannot be read: {error}.")
        return []
    return [line.strip() for line in text.splitlines() if line.strip()]


def _listed(names: list[str], wanted: list[str], source: Path, faults: list[str]) -> list[str]:
    """The images that a list names: by path, by the end of a path, with or without suffix.

    A name in another spelling (case, accents, backslashes) counts if it means one image.
    """
    known: dict[str, list[str]] = {}
    alike: dict[str, list[str]] = {}  # in another spelling
    for name in names:
        parts = PurePosixPath(name).parts
        for k in range(len(parts)):
            tail = "/".join(parts[k:])
            for spelling in {tail, canonical_stem(tail)}:
                known.setdefault(spelling, []).append(name)
                alike.setdefault(folded(spelling), []).append(name)
    plain = [portable(each) for each in wanted]
    found = [known.get(each) or [*dict.fromkeys(alike.get(folded(each), ()))] for each in plain]
    wrong = [
        f"'{each}', which is {'no image' if not images else f'{len(images)} images'}"
        for each, images in zip(wanted, found, strict=True)
        if len(images) != 1
    ]
    if wrong:
        more = f"; and {len(wrong) - 10} more" if len(wrong) > 10 else ""
        faults.append(f"{source} names {'; '.join(wrong[:10])}{more}: correct the list.")
    return sorted({images[0] for images in found if len(images) == 1})
