"""Progress of long tasks: a live bar in a terminal, a line now and then in a log file.

Everything goes to standard error, so that results on standard output can be piped. Nothing runs in
a thread, because loader processes are forked while a bar is shown, and a fork must not inherit a
held lock.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import TaskID

Figures = Mapping[str, float]
"""The values shown beside the bar, by name."""


class Progress:
    """A context in which tasks show their progress.

    Args:
        quiet: show nothing at all.
        stream: where to write; None is standard error.
        every: seconds between two lines without a terminal (or in a dumb one).
        clock: a monotonic clock, in seconds.
    """

    def __init__(
        self,
        *,
        quiet: bool = False,
        stream: TextIO | None = None,
        every: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        stream = stream or sys.stderr
        self._clock = clock
        self._display: _Display
        if quiet or stream is None:  # a program without a console has no standard error
            self._display = _Nothing()
        elif _is_live(stream):
            self._display = _Bars(stream, clock)
        else:
            self._display = _Lines(stream, every, clock)

    def __enter__(self) -> Progress:
        self._display.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._display.stop()

    def task(self, description: str, total: int | None = None) -> ProgressTask:
        """A new task.

        Args:
            description: a few words, such as ``"training"``.
            total: units of work; None if not known.
        """
        return ProgressTask(self._display, description, total, self._clock)


class ProgressTask:
    """One task; made by :meth:`Progress.task`.

    Attributes:
        description: what is being done.
        total: units of work, or None.
        done: units that are done.
        figures: the values that were shown last.
    """

    def __init__(
        self, display: _Display, description: str, total: int | None, clock: Callable[[], float]
    ) -> None:
        self.description = description
        self.total = total
        self.done = 0
        self.figures: dict[str, float] = {}
        self._display = display
        self._clock = clock
        self._first: tuple[float, int] | None = None
        display.add(self)

    def advance(self, count: int = 1, figures: Figures | None = None) -> None:
        """Report ``count`` more units as done; ``figures`` replace values of the same names."""
        self.update(self.done + count, figures)

    def update(self, done: int, figures: Figures | None = None) -> None:
        """Report ``done`` units in all, counting those of an earlier attempt."""
        self.done = done
        self.figures.update(figures or {})
        # The speed is measured from the first report on: a resumed run starts far from zero.
        if self._first is None:
            self._first = (self._clock(), done)
        self._display.show(self)

    @property
    def finished(self) -> bool:
        """Whether all units are done."""
        return self.total is not None and self.done >= self.total

    @property
    def seconds_left(self) -> float | None:
        """Seconds to the end at the mean speed so far; None if it cannot be estimated."""
        if self._first is None or self.total is None:
            return None
        time_before, done_before = self._first
        if self.done <= done_before:
            return None
        pace = (self._clock() - time_before) / (self.done - done_before)
        return max(0, self.total - self.done) * pace

    @property
    def left(self) -> str:
        """:attr:`seconds_left` as text, such as ``"0:12:30 left"``; empty if not known."""
        seconds = self.seconds_left
        if seconds is None or self.finished:
            return ""
        return f"{timedelta(seconds=round(seconds))} left"

    @property
    def told(self) -> str:
        """The values as text, such as ``"loss 0.5312, lr 0.001"``."""
        return ", ".join(f"{name} {value:.4g}" for name, value in self.figures.items())


class _Display(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def add(self, task: ProgressTask) -> None: ...
    def show(self, task: ProgressTask) -> None: ...


class _Nothing:
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def add(self, task: ProgressTask) -> None: ...
    def show(self, task: ProgressTask) -> None: ...


class _Lines:
    """A line for each task every few seconds, and one when it is finished."""

    def __init__(self, stream: TextIO, every: float, clock: Callable[[], float]) -> None:
        self._stream, self._every, self._clock = stream, every, clock
        self._due: dict[ProgressTask, float] = {}

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def add(self, task: ProgressTask) -> None:
        self._due[task] = self._clock() + self._every

    def show(self, task: ProgressTask) -> None:
        now = self._clock()
        if now < self._due[task] and not task.finished:
            return
        self._due[task] = now + self._every
        share = f"/{task.total} ({100 * task.done // task.total} %)" if task.total else ""
        parts = [f"{task.description}: {task.done}{share}", task.left, task.told]
        print(", ".join(part for part in parts if part), file=self._stream, flush=True)


class _Bars:
    """One live bar for each task."""

    _SECONDS = 0.1

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bars
        from rich.table import Column

        self._clock = clock
        self._due = clock()
        self._ids: dict[ProgressTask, TaskID] = {}
        rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}", markup=False),
            TextColumn("{task.fields[told]}", markup=False, table_column=rest),
            console=Console(file=stream),
            auto_refresh=False,
            expand=True,
        )

    def start(self) -> None:
        self._bars.start()

    def stop(self) -> None:
        self._bars.stop()

    def add(self, task: ProgressTask) -> None:
        self._ids[task] = self._bars.add_task(task.description, total=task.total, left="", told="")
        self._bars.refresh()

    def show(self, task: ProgressTask) -> None:
        now = self._clock()
        if now < self._due and not task.finished:
            return
        self._due = now + self._SECONDS
        self._bars.update(
            self._ids[task],
            description=task.description,
            completed=task.done,
            left=task.left,
            told=task.told,
        )
        self._bars.refresh()


def _is_live(stream: TextIO) -> bool:
    """Whether a bar can be redrawn in place on ``stream``."""
    if not stream.isatty():  # before rich: variables such as FORCE_COLOR make rich say yes
        return False
    from rich.console import Console

    console = Console(file=stream)
    return console.is_terminal and not console.is_dumb_terminal
