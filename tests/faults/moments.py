"""The moments of a run at which it can be struck, and what can happen there.

A moment is the time right before or right after a call of a function. :func:`watch` counts them by
kind, and a :class:`Strike` acts at one of them.
"""

import builtins
import errno
import importlib
import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

PLACES: dict[str, tuple[str, ...]] = {
    "training": ("dagen.engine.loop:schedule", "dagen.engine.stack:Stack.after_step"),
    "stream": ("dagen.engine.online:Learner.__call__", "dagen.engine.online:Learner.state_dict"),
    "saving": (
        "dagen.engine.loop:save_state",
        "dagen.engine.online:save_state",
        "dagen.engine.training_run:TrainingRun._keep",
        "dagen.engine.training_run:save_deployed",
        "dagen.runs.results:RunResult.save",
        "dagen.engine.finishing:drop_states",
    ),
    "choosing": (
        "dagen.validators.choice.candidates:Candidates.load",
        "dagen.validators.choice.candidates:Candidates.restore",
        "dagen.validators.choice.judging:judge",
    ),
    "scoring": (
        "dagen.scoring.torch_predictor:TorchPredictor.__call__",
        "dagen.scoring.prediction_sheets:draw",
        "dagen.engine.finishing:profile",
    ),
    "log": ("dagen.runs.log:append_line",),
    "cache": ("dagen.datasets.loading.cache:DecodeCache._write",),
    "grid": (
        "dagen.benchmarking.queue:Queue.take",
        "dagen.benchmarking.queue:Queue.end",
        "dagen.benchmarking.tables.lines:save_if_new",
        "dagen.benchmarking.execution:collect",
    ),
    "delivery": (
        "dagen.tracking.state:State.save",
        "dagen.tracking.sending:_send_one",
        "dagen.tracking.sending:_Batch.flush",
        "dagen.tracking.sending:register",
        "dagen.tracking.sending:save_model",
    ),
    "files": ("os:write", "os:fsync", "os:replace", "os:mkdir", "os:unlink", "builtins:open"),
}
"""The functions around whose calls the moments of each kind lie; SQL statements are one more."""


REACHED = "reached"
"""Name of the file that says that the moment of a strike has come."""


@dataclass(frozen=True)
class Strike:
    """Something that happens at a moment.

    Attributes:
        kind: kind of the moment, of ``PLACES`` or ``SQL``.
        number: which one of its kind, from 1.
        act: a signal to this process, or the number of a system error that every later change of
            a file ends in.
    """

    kind: str
    number: int
    act: signal.Signals | int

    def __str__(self) -> str:
        what = self.act.name if isinstance(self.act, signal.Signals) else errno.errorcode[self.act]
        return f"{what} at {self.kind} {self.number}"


class Watch:
    """Counts moments, and strikes at one of them."""

    def __init__(self, root: Path, strike: Strike | None = None) -> None:
        self.root, self.strike = root, strike
        self.counts: Counter[str] = Counter()
        self.refusing: int | None = None
        self._inside = False

    def at(self, kind: str) -> None:
        """A moment has come."""
        self.counts[kind] += 1
        if self.strike and (kind, self.counts[kind]) == (self.strike.kind, self.strike.number):
            (self.root / REACHED).touch()
            if isinstance(self.strike.act, signal.Signals):
                os.kill(os.getpid(), self.strike.act)
            else:
                self.refusing = self.strike.act

    def wrap(self, kind: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """``call`` with a moment before and after it."""
        files = kind == "files"

        @wraps(call)
        def called(*args: Any, **keywords: Any) -> Any:
            if self._inside or (files and not self._changes(call, args, keywords)):
                return call(*args, **keywords)
            self._inside = files
            try:
                self.at(kind)
                if files and self.refusing is not None:
                    raise OSError(self.refusing, os.strerror(self.refusing))
                found = call(*args, **keywords)
                self.at(kind)
                return found
            finally:
                self._inside = False

        return called

    def _changes(
        self, call: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> bool:
        """Whether a call of the system changes a file below the folder that is watched."""
        name, first = getattr(call, "__name__", ""), args[0] if args else None
        if name == "open":
            mode = str(args[1] if len(args) > 1 else keywords.get("mode", "r"))
            if not set(mode) & set("wxa+"):
                return False
        if isinstance(first, int):
            try:
                first = os.readlink(f"/proc/self/fd/{first}")
            except OSError:
                return False
        return str(first).startswith(str(self.root))


def watch(root: Path, strike: Strike | None = None, counts: Path | None = None) -> None:
    """Watch this process, which must be a fork.

    Args:
        root: folder below which changes of files are moments.
        strike: what happens, and when.
        counts: file for the number of moments by kind, written when the process ends.
    """
    watching = Watch(root, strike)
    for kind, places in PLACES.items():
        for place in places:
            owner, name = _resolve(place)
            setattr(owner, name, watching.wrap(kind, getattr(owner, name)))
    _watch_sql(watching)
    if counts is not None:
        leave = os._exit

        def left(code: int) -> None:
            counts.write_text(json.dumps(watching.counts))
            leave(code)

        os._exit = left  # type: ignore[assignment]


def _resolve(place: str) -> tuple[Any, str]:
    module, _, path = place.partition(":")
    owner: Any = builtins if module == "builtins" else importlib.import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    return owner, name


def _watch_sql(watching: Watch) -> None:
    from sqlalchemy import Engine, event

    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(Engine, name, lambda *_, **__: watching.at("SQL"))


def spread(count: int, wanted: int) -> list[int]:
    """At most ``wanted`` numbers from 1 to ``count``, evenly spread, with the first and last."""
    if count <= wanted:
        return list(range(1, count + 1))
    if wanted == 1:
        return [(count + 1) // 2]
    return sorted({1 + round(k * (count - 1) / (wanted - 1)) for k in range(wanted)})


KILLS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
"""Signals in turn; what nobody can catch comes most often."""
REFUSALS = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EIO)
"""System errors in turn: a full disk, read-only places, a quota, a broken disk."""


def strikes(
    kind: str, count: int, wanted: int, acts: Iterable[signal.Signals | int] = KILLS
) -> Iterator[Strike]:
    """Strikes spread over all moments of a kind, with ``acts`` in turn."""
    acts = list(acts)
    for turn, number in enumerate(spread(count, wanted)):
        yield Strike(kind, number, acts[turn % len(acts)])
