"""Picture formats: which are read, and what is said about the others, the same everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

READ = frozenset({"JPEG", "MPO", "PNG", "BMP", "DIB", "TIFF", "WEBP"})
"""Pillow's names of the formats that are read.

Some builds of Pillow know more; a data set must be the same on every machine.
"""

_SHOWN = 5
_SIGNS = {
    "HEIC": rb".{4}ftyp(hei|hev|mif1|msf1)",
    "AVIF": rb".{4}ftypavi",
    "CR3": rb".{4}ftypcrx",
    "JPEG 2000": rb"(\0{3}\x0cjP  |\xff\x4f\xff\x51)",
    "JPEG XL": rb"(\0{3}\x0cJXL |\xff\x0a)",
    "GIF": rb"GIF8",
    "PSD": rb"8BPS",
    "PDF": rb"%PDF",
}
"""How files of each format begin; the suffix may say something else."""
_PATTERNS = {name: re.compile(sign, re.DOTALL) for name, sign in _SIGNS.items()}


def strange_format(path: Path) -> str | None:
    """The format of a picture that is not read, by its first bytes; None if they tell nothing."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        return None
    return next((name for name, sign in _PATTERNS.items() if sign.match(head)), None)


def unread(path: Path, name: str | None = None) -> str:
    """The sentence about a picture that is not read.

    Args:
        path: the file.
        name: its format, if that is known.
    """
    told = name or strange_format(path) or path.suffix.removeprefix(".").upper()
    article = "an" if told[:1] in "AEIOU" else "a"
    return f"{path} is {article} {told} file, which is not read: save it as JPEG or PNG."


def unread_together(paths: Iterable[Path]) -> list[str]:
    """A sentence for each of the first few such pictures, and the number of the others."""
    known = list(paths)
    more = len(known) - _SHOWN
    rest = [f"{more} more pictures there are not read either."] if more > 0 else []
    return [*map(unread, known[:_SHOWN]), *rest]
