"""Files of results: one JSON object a line, written only where something changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from dagen.errors import DagenError
from dagen.system.files import read_lines, write_atomically

_T = TypeVar("_T")


def read(path: Path, made: Callable[[dict[str, Any]], _T], what: str) -> list[_T]:
    """What the lines of a file say; nothing if it does not exist.

    Args:
        path: the file.
        made: makes the value of a line's object.
        what: what a line should be, in words.

    Raises:
        DagenError: a line is damaged.
    """
    if not path.exists():
        return []
    found = []
    for number, line in enumerate(read_lines(path), 1):
        try:
            found.append(made(json.loads(line)))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise DagenError(
                f"{path}, line {number} is not {what}; remove the line, or move the file away to "
                "start a new one."
            ) from None
    return found


def save(path: Path, objects: Iterable[Mapping[str, Any]]) -> bool:
    """Write a line for each object; returns whether anything changed.

    Raises:
        DagenError: it cannot be written.
    """
    lines = (json.dumps(one, sort_keys=True, default=list) + "\n" for one in objects)
    return save_if_new(path, "".join(lines).encode())


def save_if_new(path: Path, content: bytes) -> bool:
    """Write ``content`` unless the file has it already; returns whether it was written.

    Raises:
        DagenError: it cannot be written.
    """
    if path.is_file() and path.read_bytes() == content:
        return False
    write_atomically(path, content)
    return True
