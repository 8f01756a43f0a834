"""The processes that make batches: how many, how they start, and what is said when one is lost."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.utils.data import DataLoader, Dataset
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from dagen.errors import DagenError
from dagen.system.memory import return_freed_memory

_LOST = re.compile(r"DataLoader worker \(pid(?:\(s\))? [\d, ]+\) (?P<how>.*)")
_RESUME = "The same command resumes from the last saved state."


def default_workers() -> int:
    """One process per core except the one that trains, at most eight."""
    return min(8, max(0, len(os.sched_getaffinity(0)) - 1))


def start_worker(worker: int) -> None:
    """Make a worker ignore signals, and return freed memory to the system.

    A signal to the whole process group (``timeout``, schedulers, Ctrl-C) should stop only the loop,
    which saves its state first; a worker that died at once would end the run before that. The loop
    closes its workers when it ends.
    """
    return_freed_memory()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, signal.SIG_IGN)


class Told(Dataset[Any]):
    """Items as they are, and an error of a file instead of the item that it spoils.

    PyTorch itself sends an error of a worker as the text of its traceback, in which nobody finds
    the file. :func:`running` raises what comes instead.
    """

    def __init__(self, items: Dataset[Any]) -> None:
        """Wrap ``items``."""
        self.items = items

    def __getitem__(self, index: int) -> Any:
        try:
            return self.items[index]
        except (DagenError, OSError) as error:
            return error


@contextmanager
def running(loader: DataLoader[Any]) -> Iterator[Iterator[Any]]:
    """What a loader gives; at the end of the block its workers have ended, whatever happened.

    An error that comes as an item (:class:`Told`) is raised.

    PyTorch ends them when the iterator is deleted, but the traceback of an error keeps it alive,
    and Python would wait for ever at its exit for workers that ignore SIGTERM.
    """
    others = multiprocessing.active_children()
    found = iter(loader)
    workers = [each for each in multiprocessing.active_children() if each not in others]
    try:
        yield _raising(found)
    finally:
        try:
            if isinstance(found, _MultiProcessingDataLoaderIter):
                found._shutdown_workers()
        finally:
            for worker in workers:
                worker.kill()  # one that waits for a dead one's lock, or has not finished an image
                worker.join()


def _raising(found: Iterator[Any]) -> Iterator[Any]:
    for item in found:
        if isinstance(item, Exception):
            raise item
        yield item


@contextmanager
def explained(workers: int) -> Iterator[None]:
    """Say in one line that a worker was lost, or that memory ran out, inside the block.

    PyTorch notices a dead worker by a signal handler, so the error may appear at any line of a
    loop, not only where it asks for a batch.

    Args:
        workers: the number of workers.

    Raises:
        DagenError: a worker died, or memory ran out.
    """
    try:
        yield
    except RuntimeError as error:
        lost = _LOST.search(str(error))
        if lost is None:
            raise
        raise DagenError(f"{_lost(lost['how'], workers)} {_RESUME}") from error
    except MemoryError as error:
        raise DagenError(
            f"memory ran out. Give fewer processes with --workers (it is {workers} now), a smaller "
            f"--batch or --size, or end other programs. {_RESUME}"
        ) from error


def _lost(how: str, workers: int) -> str:
    """What happened to a worker, from PyTorch's words, and what to do."""
    if "Bus error" in how:
        return (
            "a process that makes batches was killed because shared memory (/dev/shm) is full. "
            f"Make it larger, or give fewer processes with --workers (it is {workers} now; 0 needs "
            "no shared memory)."
        )
    sign = re.search(r"killed by signal: ([\w ]+\w)", how)
    if sign is not None and sign[1] != "Killed":
        return (
            f"a process that makes batches was ended by the system ({sign[1]}). With --workers 0 "
            "the main process makes batches, and shows where it happens."
        )
    return (
        "a process that makes batches was killed, most likely because memory ran out. Give fewer "
        f"with --workers (it is {workers} now; 0 makes batches in the main process), a smaller "
        "--batch or --size, or end other programs."
    )
