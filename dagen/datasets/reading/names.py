"""Many names in little memory.

A list of a million names is a million objects. Each of them would be copied into every process that
makes batches, because even looking at an object writes to its reference count.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

# A name may hold half a surrogate pair: of a file that is not UTF-8, or from an annotation file.
_ERRORS = "surrogatepass"


class Names(Sequence[str]):
    """An immutable sequence of texts, joined in one buffer.

    Attributes:
        text: all of them in UTF-8, one after the other.
        ends: (N,) int64, the byte after each.
    """

    def __init__(self, names: Iterable[str]) -> None:
        """Keep ``names`` in their order."""
        text, ends = bytearray(), array("q")
        for name in names:
            text += name.encode(errors=_ERRORS)
            ends.append(len(text))
        self.text = bytes(text)
        self.ends: NDArray[np.int64] = np.array(ends, np.int64)

    @classmethod
    def of(cls, text: bytes, ends: NDArray[np.int64]) -> Names:
        """The names of two stored attributes."""
        found = cls(())
        found.text, found.ends = text, ends
        return found

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        place = index if index >= 0 else index + len(self)
        if not 0 <= place < len(self):
            raise IndexError(index)
        start = int(self.ends[place - 1]) if place else 0
        return self.text[start : int(self.ends[place])].decode(errors=_ERRORS)

    def __iter__(self) -> Iterator[str]:
        start = 0
        for end in map(int, self.ends):
            yield self.text[start:end].decode(errors=_ERRORS)
            start = end


class NamesByKey:
    """Names by a key, which several may share: a dictionary of lists, as one sorted sequence."""

    def __init__(self, names: Iterable[str], key: Callable[[str], str]) -> None:
        """Sort ``names`` by ``key``; neither holds the character 0, which no file name has."""
        self._lines = Names(sorted(f"{key(name)}\0{name}" for name in names))

    def __getitem__(self, key: str) -> list[str]:
        """The names of a key, sorted; [] if there is none."""
        head, found = f"{key}\0", []
        for place in range(bisect_left(self._lines, head), len(self._lines)):
            line = self._lines[place]
            if not line.startswith(head):
                break
            found.append(line.removeprefix(head))
        return found

    def __contains__(self, key: str) -> bool:
        return bool(self[key])

    def values(self) -> Iterator[str]:
        """All names, sorted by key."""
        return (line.partition("\0")[2] for line in self._lines)


def positions(chosen: Iterable[bool], count: int) -> Sequence[int]:
    """The positions at which ``chosen`` is true, as whole numbers without an object for each.

    Args:
        chosen: ``count`` truth values.
        count: how many there are.
    """
    found = array("q", (place for place, yes in enumerate(chosen) if yes))
    return range(count) if len(found) == count else found
