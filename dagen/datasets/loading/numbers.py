"""Many numbers in little memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_RECENT = 4096


class Numbers:
    """A growing set of whole numbers from 0 to 2^64 - 1, at 8 bytes each.

    A set of Python takes ten times as much, and every process that makes batches has its own.
    """

    def __init__(self) -> None:
        self._sorted: NDArray[np.uint64] = np.empty(0, np.uint64)
        self._recent: set[int] = set()

    def __contains__(self, number: int) -> bool:
        if number in self._recent:
            return True
        value = np.uint64(number)
        place = int(np.searchsorted(self._sorted, value))
        return place < len(self._sorted) and bool(self._sorted[place] == value)

    def __len__(self) -> int:
        return len(self._sorted) + len(self._recent)

    def add(self, number: int) -> None:
        """Add ``number``; one that is there already changes nothing."""
        if number in self:
            return
        self._recent.add(number)
        if len(self._recent) >= max(_RECENT, len(self._sorted) // 8):  # few and short merges
            recent = np.fromiter(self._recent, np.uint64, len(self._recent))
            self._sorted = np.sort(np.concatenate([self._sorted, recent]))
            self._recent = set()
