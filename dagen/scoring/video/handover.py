"""A bounded queue between two threads, which ends from either side."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
_LOOK = 0.1
"""Seconds between two looks at whether to stop."""


class Handover(Generic[T]):
    """Things in order from one thread to another.

    Attributes:
        dropped: number of things that were left out because nobody had taken them.
    """

    def __init__(self, most: int, *, newest: bool = False) -> None:
        """An empty queue.

        Args:
            most: number of things that wait at most.
            newest: when it is full, drop the oldest thing; otherwise the giver waits.
        """
        self.dropped = 0
        self._most, self._newest = most, newest
        self._things: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = self._cancelled = False

    def put(self, thing: T) -> bool:
        """Hand over a thing; False if nobody takes things any more."""
        with self._changed:
            if self._newest and len(self._things) >= self._most and not self._cancelled:
                self._things.popleft()
                self.dropped += 1
            while len(self._things) >= self._most and not self._cancelled:
                self._changed.wait()
            if self._cancelled:
                return False
            self._things.append(thing)
            self._changed.notify_all()
            return True

    def get(self, stop: Callable[[], bool] = lambda: False) -> T | None:
        """The next thing, once there is one; None at the end, or when ``stop`` says so.

        A wait without an end would keep the main thread from seeing a signal.
        """
        with self._changed:
            while not self._things:
                if self._closed or self._cancelled or stop():
                    return None
                self._changed.wait(_LOOK)
            if stop():
                return None
            thing = self._things.popleft()
            self._changed.notify_all()
            return thing

    def close(self) -> None:
        """No thing follows; what waits is still handed over."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def cancel(self) -> None:
        """Nobody takes things any more; what waits is dropped without being counted."""
        with self._changed:
            self._cancelled = True
            self._things.clear()
            self._changed.notify_all()
