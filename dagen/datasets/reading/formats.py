"""Picture formats: which are read, and what is said about the others, the same everywhere."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

from PIL import ImageFile

from dagen.datasets.reading.packed import Picture

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


_TIFF_COMPRESSION = 259
_LOSSY_TIFF = {
    6: "JPEG", 7: "JPEG", 34892: "JPEG", 33003: "JPEG 2000", 33005: "JPEG 2000",
    34712: "JPEG 2000", 34676: "SGI log", 34677: "SGI log", 50001: "WebP",
}  # fmt: skip


def lossy(image: ImageFile.ImageFile, path: Picture) -> str | None:
    """The lossy format of an opened picture, such as ``a JPEG file``; None if it keeps each pixel.

    The content of the file counts, not its name.

    Args:
        image: the opened file.
        path: where it lies.
    """
    if image.format in ("JPEG", "MPO", "JPEG2000"):
        return "a JPEG file"
    if image.format == "WEBP" and _lossy_webp(path.read_bytes()):
        return "a lossy WebP file"
    if image.format == "TIFF":
        tags: Mapping[int, int] = getattr(image, "tag_v2", {})
        if name := _LOSSY_TIFF.get(tags.get(_TIFF_COMPRESSION, 1)):
            return f"a TIFF file with {name} compression"
    return None


def _lossy_webp(content: bytes) -> bool:
    """Whether a WebP file has a chunk ``VP8``; the pixels of lossless ones are in ``VP8L``."""
    start = 12  # after RIFF, the size and WEBP
    while start + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, start)
        if name == b"VP8 ":
            return True
        # A frame of an animation has chunks of its own after 16 bytes.
        start += 24 if name == b"ANMF" else 8 + size + size % 2
    return False


def strange_format(path: Picture) -> str | None:
    """The format of a picture that is not read, by its first bytes; None if they tell nothing."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        return None
    return next((name for name, sign in _PATTERNS.items() if sign.match(head)), None)


def unread(path: Picture, name: str | None = None) -> str:
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
