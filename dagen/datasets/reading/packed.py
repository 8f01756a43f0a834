"""A file inside another one, which is read as a file of its own is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path


@dataclass(frozen=True)
class Packed:
    """A part of a file, with those methods of a :class:`Path` that readers of pictures need.

    Attributes:
        path: where it would lie if it were unpacked; it stands for the file in messages.
        read_bytes: reads it.
    """

    path: Path
    read_bytes: Callable[[], bytes]

    def __str__(self) -> str:
        return str(self.path)

    @property
    def suffix(self) -> str:
        """The suffix of its name, with its dot."""
        return self.path.suffix

    def open(self, mode: str = "rb") -> BytesIO:
        """The opened part; only reading bytes is possible."""
        if mode != "rb":
            raise ValueError(mode)
        return BytesIO(self.read_bytes())

    def is_file(self) -> bool:
        """True: it was found when the file around it was indexed."""
        return True


Picture = Path | Packed
"""A file of its own, or a part of one."""
