"""Signals that ask a long task to stop: it ends itself where that is safe."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def asked_to_stop() -> Iterator[list[int]]:
    """The numbers of the signals that asked to stop; the loop looks at them after each step.

    These are SIGTERM and the first Ctrl-C (SIGINT). A second Ctrl-C ends the program at once.
    """
    came: list[int] = []

    def note(signum: int, frame: FrameType | None) -> None:
        if signum == signal.SIGINT and signum in came:
            raise KeyboardInterrupt
        came.append(signum)

    wanted = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        wanted.append(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread():
        wanted = []  # only the main thread can handle signals
    before = {each: signal.signal(each, note) for each in wanted}
    try:
        yield came
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
