"""Names of classes in the small files that annotation tools write beside masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

Names = tuple[dict[int, str], str]
"""Names by id or colour, and the file that has them."""

_DEPTH = 3


class Differ(Exception):
    """Several files name the same classes differently; the text is a sentence."""


def of_ids(root: Path) -> Names:
    """Names by id and the file that has them; nothing and "" if there is no such file.

    Roboflow writes ``_classes.csv`` into the folder of each split, and labelme's converter
    ``class_names.txt``, whose lines are the ids from 0 on.

    Raises:
        Differ: the files of the splits contradict each other.
    """
    return _agreed(root, {"_classes.csv": _csv, "class_names.txt": _lines})


def of_colours(root: Path) -> Names:
    """Names by colour, 0xRRGGBB, and the file that has them: CVAT's ``labelmap.txt``.

    Raises:
        Differ: several such files contradict each other.
    """
    return _agreed(root, {"labelmap.txt": _labelmap})


def _agreed(root: Path, kinds: Mapping[str, Callable[[str], dict[int, str]]]) -> Names:
    for name, parse in kinds.items():
        found: dict[str, dict[int, str]] = {}
        for depth in range(_DEPTH):
            for file in sorted(root.glob("*/" * depth + name)):
                try:
                    table = parse(file.read_text(encoding="utf-8-sig"))
                except (OSError, ValueError):
                    continue  # not what the tool writes
                if table:
                    found[file.relative_to(root).as_posix()] = table
        files = list(found)
        for other in files[1:]:
            if found[other] != found[files[0]]:
                raise Differ(f"{files[0]} and {other} differ, so no name is taken from them.")
        if files:
            return found[files[0]], files[0]
    return {}, ""


def _csv(text: str) -> dict[int, str]:
    _, *rows = text.splitlines()
    pairs = (row.split(",", 1) for row in rows if row.strip())
    return {_byte(value): _name(name) for value, name in pairs}


def _lines(text: str) -> dict[int, str]:
    return {_byte(str(k)): _name(line) for k, line in enumerate(text.splitlines()) if line.strip()}


def _labelmap(text: str) -> dict[int, str]:
    names: dict[int, str] = {}
    for row in text.splitlines():
        if row.strip() and not row.startswith("#"):
            name, colour, *_ = row.split(":")
            red, green, blue = map(_byte, colour.split(","))
            names[red << 16 | green << 8 | blue] = _name(name)
    return names


def _byte(text: str) -> int:
    value = int(text)
    if not 0 <= value < 256:
        raise ValueError(text)
    return value


def _name(text: str) -> str:
    name = text.strip()
    if not name:
        raise ValueError(text)
    return name
