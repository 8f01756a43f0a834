"""Times several calls in turns, so that a machine that is busy for a while slows them all.

A turn begins with calls that are not counted. The threads of a runtime that was called before go on
to wait for work for some milliseconds and keep the cores busy, and the caches are that runtime's; a
camera runs one network alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

WARM_UP, TURN = 0.05, 0.1
"""Seconds of each turn that are not counted, and those that are."""


def in_turns(
    calls: Sequence[Callable[[], object]],
    rounds: int,
    *,
    warm_up: float = WARM_UP,
    turn: float = TURN,
) -> list[list[float]]:
    """Milliseconds of each call, for every one of ``calls``.

    Args:
        calls: what is timed.
        rounds: counted rounds, in each of which every call has its turn; one more, before them,
            warms up.
        warm_up: seconds of a turn that are not counted; at least one call.
        turn: seconds of a turn in which calls begin that are counted; at least one.
    """
    times: list[list[float]] = [[] for _ in calls]
    for number in range(rounds + 1):
        for call, taken in zip(calls, times, strict=True):
            _repeated(call, warm_up)
            found = _repeated(call, turn)
            if number:
                taken += found
    return times


def _repeated(call: Callable[[], object], seconds: float) -> list[float]:
    found: list[float] = []
    begun = time.perf_counter()
    while not found or time.perf_counter() - begun < seconds:
        started = time.perf_counter()
        call()
        found.append(1000 * (time.perf_counter() - started))
    return found
