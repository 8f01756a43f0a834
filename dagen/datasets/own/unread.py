"""Annotation files of tools that are not read, which are told and never passed over."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_DEPTH = 3
_HEAD = 65_536


class _Kind(NamedTuple):
    """Files of one tool, by their suffix and by their beginning or name."""

    files: str
    suffix: str
    sign: bytes
    advice: str
    by_name: bool = False


_KINDS = (
    _Kind(
        "JSON file{} of labelme",
        ".json",
        rb'"shapes"\s*:\s*\[|"flags"\s*:\s*\{.*"imagePath"',
        "labelme's converters labelme2coco and labelme2voc make files that are",
    ),
    _Kind(
        "JSON file{} of SAM",
        ".json",
        rb'^\s*\[\s*\{\s*"segmentation"|^\s*\{\s*"image"\s*:\s*\{|^\s*\[.*"predicted_iou"',
        "SAM's outlines have no classes; name them in a tool such as CVAT and export COCO",
    ),
    _Kind(
        "JSON file{} of Label Studio",
        ".json",
        rb'^\s*\[\s*\{.*"(completed_by|annotations|file_upload)"',
        "export COCO there instead",
    ),
    _Kind(
        "PNG file{} of Label Studio's brush",
        ".png",
        rb"^task-\d+-annotation-\d+-",
        "they are a picture for each class of each task; export COCO there instead",
        by_name=True,
    ),
    _Kind(
        "XML file{} of CVAT",
        ".xml",
        rb"<annotations>\s*<version>",
        "export COCO 1.0 there instead",
    ),
    _Kind(
        "XML file{} of Pascal VOC",
        ".xml",
        rb"<annotation\b.*<object>",
        "they hold boxes, and segmentation needs outlines or masks",
    ),
    _Kind(
        "text file{} of YOLO",
        ".txt",
        rb"^\s*\d+( \d*\.?\d+([eE]-?\d+)?){4,}\s*(\n|$)",
        "boxes cannot teach segmentation; of outlines, export COCO instead",
    ),
)
_PATTERNS = {kind.files: re.compile(kind.sign, re.DOTALL) for kind in _KINDS}


def unread_annotations(root: Path) -> Iterator[str]:
    """A sentence for each tool whose own files lie in a folder.

    Args:
        root: the folder; three levels of it are looked at.
    """
    found: Counter[_Kind] = Counter()
    for depth in range(_DEPTH):
        for file in root.glob("*/" * depth + "*"):
            if (kind := _kind(file)) is not None:
                found[kind] += 1
    for kind, count in sorted(found.items()):
        files = kind.files.format("" if count == 1 else "s")
        verb = "is" if count == 1 else "are"
        yield f"{count} {files} in {root} {verb} not read: {kind.advice}."


def _kind(file: Path) -> _Kind | None:
    kinds = [kind for kind in _KINDS if kind.suffix == file.suffix.lower()]
    head = file.name.encode(errors="surrogateescape")
    if any(not kind.by_name for kind in kinds):
        try:
            with file.open("rb") as opened:
                head = opened.read(_HEAD)
        except OSError:
            return None
    return next((kind for kind in kinds if _PATTERNS[kind.files].search(head)), None)
