"""Where the shards of a data set are: files below its folder, or addresses."""

from __future__ import annotations

import re
from itertools import islice
from urllib.parse import urlsplit

from dagen.errors import DataError, UsageError, quoted

SCHEMES = ("http", "https", "s3")
"""What an address may begin with. A file that was given away should not start other programs."""

_SCHEME = re.compile("[A-Za-z][A-Za-z0-9+.-]*:")
_MOST = 100_000


def is_address(text: str) -> bool:
    """Whether a text is meant as an address, and not as a path."""
    return _SCHEME.match(text) is not None


def fault(text: str) -> str | None:
    """What is wrong with an address, as the end of a sentence; None if it can be opened."""
    try:
        parts = urlsplit(text)
    except ValueError as error:
        return f"is no valid address ({error})"
    if parts.scheme.lower() not in SCHEMES:
        return f"is neither a path nor an address of {', '.join(SCHEMES)}"
    if not parts.netloc or not text.isprintable() or " " in text:
        return "is no valid address"
    return None


def expanded(pattern: str, source: str) -> list[str]:
    """The paths or addresses behind a pattern such as ``train-{000000..000099}.tar``, in order.

    Args:
        pattern: text with braces, as shells and WebDataset write them.
        source: the file that holds the pattern, for errors.

    Raises:
        DataError: the braces cannot be read, or stand for no shard, for one twice or for too many.
        UsageError: the package webdataset is not installed.
    """
    try:
        from braceexpand import braceexpand  # what WebDataset itself expands with
    except ImportError:
        raise missing() from None
    try:
        found = list(islice(braceexpand(pattern, escape=False), _MOST + 1))
    except ValueError as error:
        raise DataError(f"{source}: shards = {quoted(pattern)} cannot be read: {error}.") from None
    if len(found) > _MOST:
        raise DataError(
            f"{source}: shards = {quoted(pattern)} stands for more than {_MOST:,} shards: make "
            "larger ones."
        )
    if len({*found}) < len(found):
        raise DataError(f"{source}: shards = {quoted(pattern)} names a shard twice.")
    return found


def missing() -> UsageError:
    """The error where the package for shards is not installed."""
    return UsageError("shards need the package webdataset: pip install 'dagen[shards]'.")


def names(pattern: str, shards: list[str]) -> list[str]:
    """A name for each shard, which stays when the data set moves.

    A path is its own name. An address begins where the folder of all shards ends.
    """
    if not is_address(pattern):
        return shards
    fixed = pattern.partition("{")[0].rpartition("/")[0]
    return [shard.removeprefix(f"{fixed}/") for shard in shards]
