"""The classes of a data set of one's own, and the colours of its masks, as ``dagen.toml`` says."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from dagen.colours import colours_of
from dagen.datasets.own.declaration import FILE, Declaration
from dagen.datasets.reading.class_names import BACKGROUND, IGNORED, class_key
from dagen.datasets.reading.coco_entries import role_of
from dagen.datasets.reading.colour_masks import Colours, packed, written
from dagen.errors import DataError, UsageError, listed, unknown
from dagen.types import IGNORE, Task

_GUESSED = re.compile("class-([0-9]{1,3}|[0-9a-f]{6})")


class TooManyClasses(DataError):
    """A data set with more classes than a task may have; it can still serve others, by name."""


def meaning(name: str, declared: Declaration) -> str:
    """The name under which a class meets others: renamed, ``background`` or ``ignore``.

    Args:
        name: name of the class in masks or annotations.
        declared: what ``dagen.toml`` says.
    """
    renamed = {class_key(key): value for key, value in declared.map.items()}
    found = unicodedata.normalize("NFC", renamed.get(class_key(name), name).strip())
    keys = {class_key(name), class_key(found)}
    if declared.background and class_key(declared.background) in keys:
        return BACKGROUND
    if keys & {class_key(each) for each in declared.ignore if isinstance(each, str)}:
        return IGNORED
    return role_of(found) or found


def own_task(
    names: Iterable[str], declared: Declaration, root: Path, others: Iterable[str] = ()
) -> Task:
    """The classes of a data set as a task of their own, the background first.

    Args:
        names: names of the classes in masks or annotations, in the order of their ids.
        declared: what ``dagen.toml`` says.
        root: the folder of ``dagen.toml``, for errors.
        others: further names that the keys of ``dagen.toml`` may mean, no classes of their own.

    Raises:
        TooManyClasses: there are more than 255.
        DataError: there is no class besides the background, or a key names no class.
    """
    names = list(names)
    _check_names([*names, *others], declared, root)
    known: dict[str, tuple[str, str]] = {}  # by folded name: the name, and the first original one
    for name in names:
        found = meaning(name, declared)
        if found != IGNORED:
            known.setdefault(class_key(found), (found, name))
    background = BACKGROUND in known
    if background:
        known = {BACKGROUND: known.pop(BACKGROUND), **known}
    classes = tuple(name for name, _ in known.values())
    if len(classes) > IGNORE:
        raise TooManyClasses(
            f"{root} has {len(classes)} classes, background included, and a task has 2 to "
            f"{IGNORE}: merge or ignore some in the table [map] of its {FILE}, or run the task "
            "'binary'."
        )
    try:
        usual = colours_of(classes)
        colours = tuple(
            declared.colour(*pair) or colour
            for pair, colour in zip(known.values(), usual, strict=True)
        )
        return Task("classes", classes, colours, background)
    except UsageError as error:
        raise DataError(f"{root / FILE}: {error}") from None


def guesses(declared: Declaration, root: Path) -> Iterator[str]:
    """A sentence if there still are names that ``dagen data new`` guessed, such as class-128.

    Args:
        declared: what ``dagen.toml`` says.
        root: its folder.
    """
    names = [meaning(name, declared) for name in declared.by_id.values()]
    if found := [name for name in names if _GUESSED.fullmatch(name)]:
        yield (
            f"{root / FILE} has names that were guessed ({listed(found)}): write yours, because "
            "classes of source and target meet by name."
        )


def colours_of_masks(declared: Declaration, root: Path) -> Colours:
    """The meaning of the colours of masks, as ids of :attr:`Declaration.by_id`.

    Raises:
        DataError: colours alone tell the classes apart, and two have the same.
    """
    ids = [(value, name) for value, name in reversed(declared.by_id.items())]
    known = {class_key(meaning(name, declared)): value for value, name in ids}
    known |= {class_key(name): value for value, name in ids}
    ignored = next((v for v in range(IGNORE, -1, -1) if v not in declared.by_id), IGNORE)
    found: dict[int, int] = {}
    doubled: dict[int, list[str]] = {}
    for name in declared.colours:
        colour = declared.colour(name)
        own = meaning(name, declared)
        value = ignored if own == IGNORED else known.get(class_key(name), known.get(class_key(own)))
        if colour is None or value is None:
            continue
        code = int(packed(np.array(colour, np.uint8)))
        doubled.setdefault(code, []).append(name)
        found[code] = value
    for code, names in doubled.items():
        if len({meaning(name, declared) for name in names}) < 2:
            continue
        if declared.by_colour:
            raise DataError(
                f"{root / FILE}: {' and '.join(names)} have one colour, {written(code)}, so masks "
                "cannot tell them apart: give each its own."
            )
        del found[code]
    return Colours(found, declared.by_colour)


def _check_names(names: list[str], declared: Declaration, root: Path) -> None:
    """Refuse keys of ``dagen.toml`` that name no class: a misspelt one would do nothing."""
    new = [*declared.map.values(), BACKGROUND]
    given = {
        "map": (list(declared.map), names),
        "background": ([declared.background] if declared.background else [], [*names, *new]),
        "colours": (list(declared.colours), [*names, *new, IGNORED]),
        "ignore": ([each for each in declared.ignore if isinstance(each, str)], [*names, *new]),
    }
    wrong = []
    for key, (words, allowed) in given.items():
        keys = {class_key(name) for name in allowed}
        for word in words:
            if class_key(word) not in keys:
                wrong.append(str(unknown(f"class in {key}", word, allowed)))
    if wrong:
        raise DataError(f"{root / FILE}: {' '.join(wrong)}")
