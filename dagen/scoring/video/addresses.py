"""What is a video, a camera or a stream, and what its address may show of itself."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from dagen.errors import UsageError, listed

SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg"}
    | {".wmv", ".flv", ".3gp", ".ogv", ".mjpeg", ".mjpg"}
)
"""Suffixes of video files, in lower case."""
SCHEMES = frozenset({"rtsp", "rtsps", "http", "https"})
"""How addresses of streams begin."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def is_address(text: str) -> bool:
    """Whether a text is the address of a stream, and no file."""
    return _SCHEME.match(text) is not None


def is_camera(text: str) -> bool:
    """Whether a text is the index of a camera: a number that is no file or folder."""
    return text.isascii() and text.isdigit() and not Path(text).exists()


def is_video(text: str) -> bool:
    """Whether a text names a video, a camera or a stream, and not an image or a folder."""
    if is_address(text) or is_camera(text):
        return True
    path = Path(text)
    return path.suffix.lower() in SUFFIXES and not path.is_dir()


def require_scheme(address: str) -> None:
    """Refuse an address that is not read.

    Raises:
        UsageError: it begins in another way; the message does not quote it.
    """
    found = _SCHEME.match(address)
    if found is None or found[1].lower() not in SCHEMES:
        known = listed(sorted(f"{scheme}://" for scheme in SCHEMES))
        raise UsageError(f"{shown(address)} is no address that is read; it begins with {known}.")


def shown(address: str) -> str:
    """The part of an address that has no secret: scheme, host and port.

    User, password, path and query are left out; some cameras have the password in the path. If it
    is not clear where a password ends, the host is left out too.
    """
    scheme, _, rest = address.partition("://")
    head = re.split(r"[/?#]", rest, maxsplit=1)[0]
    # A password with / or # in it ends the head too early.
    if "@" in rest[len(head) :]:
        return f"{scheme}://…"
    try:
        parts = urlsplit(f"{scheme}://{head}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return f"{scheme}://…"
    named = f"[{host}]" if host and ":" in host else host or "…"
    return f"{scheme}://{named}" + (f":{port}" if port else "")


def name_of(text: str) -> str:
    """A name for the results of a video, a camera or a stream, fit for a file."""
    if is_address(text):
        host = shown(text).partition("://")[2]
        return re.sub(r"[^A-Za-z0-9.-]+", "-", host).strip("-.") or "stream"
    return f"camera-{int(text)}" if is_camera(text) else Path(text).stem
