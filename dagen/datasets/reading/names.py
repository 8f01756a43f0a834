"""Many names in little memory.

A list of a million names is a million objects. Each of them would be copied into every process that
makes batches, because even looking at an object writes to its reference count.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import overload
from zlib import crc32

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


class Keys(Names):
    """Names that are found again, as in a dictionary."""

    def __init__(self, names: Iterable[str]) -> None:
        """Keep ``names`` in their order; some may be the same."""
        super().__init__(names)
        sums = np.fromiter(map(_sum, self), np.uint32, len(self))
        self._order = np.argsort(sums, kind="stable").astype(np.uint32)
        self._sums = sums[self._order]

    def places(self, name: str) -> Iterator[int]:
        """The places of a name, in order."""
        wanted = _sum(name)
        for at in range(int(np.searchsorted(self._sums, np.uint32(wanted))), len(self)):
            if self._sums[at] != wanted:
                return
            place = int(self._order[at])
            if self[place] == name:
                yield place


def _sum(name: str) -> int:
    return crc32(name.encode(errors=_ERRORS))


class NamesByKey:
    """Names by a key, which several may share: a dictionary of lists in little memory."""

    def __init__(self, names: Iterable[str], key: Callable[[str], str]) -> None:
        """Sort ``names``, and keep the key of each."""
        self._names = Names(sorted(names))
        self._keys = Keys(map(key, self._names))

    def __getitem__(self, key: str) -> list[str]:
        """The names of a key, sorted; [] if there is none."""
        return [self._names[place] for place in self._keys.places(key)]

    def __contains__(self, key: str) -> bool:
        return any(True for _ in self._keys.places(key))

    def values(self) -> Iterator[str]:
        """All names, sorted."""
        return iter(self._names)


def positions(chosen: Iterable[bool], count: int) -> Sequence[int]:
    """The positions at which ``chosen`` is true, as whole numbers without an object for each.

    Args:
        chosen: ``count`` truth values.
        count: how many there are.
    """
    found = array("q", (place for place, yes in enumerate(chosen) if yes))
    return range(count) if len(found) == count else found
