"""Commands in forked processes.

Importing everything takes longer than a tiny run. So this process imports everything once, and each
command runs in a fork of it, through the function that the command line calls. A fork may be killed
without harm to this process, which itself computes nothing: threads do not survive a fork.
"""

import gc
import importlib
import json
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LIMIT = 180.0
"""Seconds after which a command hangs; the longest takes about ten on an idle machine."""


@dataclass(frozen=True)
class Ending:
    """How a command ended.

    Attributes:
        code: its exit code, or minus the signal that killed it; None if it hung.
        text: everything that it printed.
    """

    code: int | None
    text: str

    @property
    def fault(self) -> str | None:
        """Why this is no ending that a user may see: it hung, or showed a traceback."""
        if self.code is None:
            return f"hangs: {self.text[-500:]}"
        if "Traceback (most recent call last)" in self.text:
            return f"traceback: {self.text[-1500:]}"
        if self.code in (1, 2):
            lines = self.text.strip().split("\n")
            if not lines[-1].startswith("dagen: ") or len(lines[-1]) > 1000:
                return f"exit code {self.code} without one line that says why: {lines[-1][:500]}"
        return None


def dagen(arguments: Sequence[str]) -> Callable[[], int]:
    """The command line of dagen, as a function to fork."""

    def main() -> int:
        from dagen import cli

        sys.argv = ["dagen", *arguments]
        cli.main()
        return 0

    return main


def fork(
    body: Callable[[], int | None],
    log: Path,
    prepare: Callable[[], object] = lambda: None,
    limit: float = LIMIT,
) -> Ending:
    """Run a function in a fork, and wait for it.

    Args:
        body: the function; it returns the exit code, or exits as a program does.
        log: file of what it prints.
        prepare: called in the fork first.
        limit: seconds after which it is killed.
    """
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            _alone(log)
            prepare()
            code = body() or 0
        except SystemExit as end:
            code = int(end.code or 0)
        except KeyboardInterrupt:  # a part of a command; the command line says a line
            code = 130
        except BaseException:
            traceback.print_exc()
        finally:
            try:
                sys.stdout.flush()
                sys.stderr.flush()
            finally:  # whatever happens, the fork never goes on as the test
                os._exit(code)
    status = _wait(pid, limit)
    with_workers_gone(pid)
    text = log.read_text(errors="replace") if log.exists() else ""
    return Ending(None if status is None else os.waitstatus_to_exitcode(status), text)


def with_workers_gone(group: int) -> None:
    """Kill what is left of a process group."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _wait(pid: int, limit: float) -> int | None:
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        time.sleep(0.002)
    with_workers_gone(pid)
    os.waitpid(pid, 0)
    return None


def _alone(log: Path) -> None:
    """Make the fork look like a program that a user has started."""
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", 1, closefd=False) for number in (1, 2))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, 0)
    for name in (None, "dagen"):
        logging.getLogger(name).handlers.clear()  # those of pytest
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(0)


def warm(
    body: Callable[[], int | None], scratch: Path, prepare: Callable[[], object] = lambda: None
) -> Ending:
    """Run ``body`` once, and import into this process what it imported."""
    names = scratch / "modules.json"

    def listed() -> int:
        try:
            return body() or 0
        finally:
            names.write_text(json.dumps(sorted(sys.modules)))

    found = fork(listed, scratch / "warm.log", prepare)
    for name in json.loads(names.read_text()):
        if name not in sys.modules and not name.startswith("__"):
            try:
                importlib.import_module(name)
            except Exception:  # a module under another name, or made while running
                continue
    gc.collect()
    gc.freeze()  # else the collector of each fork would copy all pages
    return found
