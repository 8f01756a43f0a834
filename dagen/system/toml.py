"""TOML files, with one kind of error for all that can be wrong with their text."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from dagen.errors import short


def read_toml(path: Path) -> dict[str, Any]:
    """The keys and tables of a TOML file; a byte order mark before them is skipped.

    Raises:
        OSError: it is missing or unreadable.
        ValueError: it is not valid TOML; the message is short.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError as error:  # also numbers too long, and other encodings
        raise ValueError(short(str(error))) from None
