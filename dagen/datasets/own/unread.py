"""Annotation files of tools that are not read, which are told and never passed over."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

_DEPTH = 3
_HEAD = 65_536
_SIGNS = {
    "labelme": (
        rb'"shapes"\s*:\s*\[|"flags"\s*:\s*\{.*"imagePath"',
        "labelme's converters labelme2coco and labelme2voc make files that are",
    ),
    "SAM": (
        rb'^\s*\[\s*\{\s*"segmentation"|^\s*\{\s*"image"\s*:\s*\{',
        "SAM's outlines have no classes; name them in a tool such as CVAT and export COCO",
    ),
    "Label Studio": (
        rb'^\s*\[\s*\{.*"(completed_by|annotations|file_upload)"',
        "export COCO there instead",
    ),
}
_PATTERNS = {tool: re.compile(sign, re.DOTALL) for tool, (sign, _) in _SIGNS.items()}


def unread_annotations(root: Path) -> Iterator[str]:
    """A sentence for each tool whose own JSON files lie in a folder.

    Args:
        root: the folder; three levels of it are looked at.
    """
    found: Counter[str] = Counter()
    for depth in range(_DEPTH):
        for file in root.glob("*/" * depth + "*.json"):
            if (tool := _tool(file)) is not None:
                found[tool] += 1
    for tool, count in sorted(found.items()):
        files = "JSON file" if count == 1 else "JSON files"
        verb = "is" if count == 1 else "are"
        yield f"{count} {files} of {tool} in {root} {verb} not read: {_SIGNS[tool][1]}."


def _tool(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            head = opened.read(_HEAD)
    except OSError:
        return None
    return next((tool for tool, sign in _PATTERNS.items() if sign.search(head)), None)
