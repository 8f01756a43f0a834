"""Several calls of one function at once, whose results come in the order of what was given."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar, TypeVarTuple, Unpack

Given = TypeVarTuple("Given")
Made = TypeVar("Made")


def at_once(
    function: Callable[[Unpack[Given]], Made], each: Iterable[tuple[*Given]], most: int
) -> Generator[tuple[tuple[*Given], Callable[[], Made]]]:
    """Call a function for each thing, in threads.

    No more than twice ``most`` things are begun and not yet taken. Calls that have not begun when
    the iterator is closed never do.

    Args:
        function: what is called.
        each: its arguments.
        most: number of calls that run at the same time at most.

    Yields:
        The arguments in their order, and a function that returns the result or raises what the call
        raised.
    """
    begun: deque[tuple[tuple[*Given], Callable[[], Made]]] = deque()
    pool = ThreadPoolExecutor(most)
    try:
        for given in each:
            begun.append((given, pool.submit(function, *given).result))
            if len(begun) == 2 * most:
                yield begun.popleft()
        while begun:
            yield begun.popleft()
    finally:
        pool.shutdown(cancel_futures=True)


class Clock:
    """How long threads were busy with what.

    Attributes:
        seconds: by name, over all threads.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._changing = threading.Lock()

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Add the time inside the block to ``seconds[name]``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            taken = time.perf_counter() - start
            with self._changing:
                self.seconds[name] = self.seconds.get(name, 0.0) + taken
