"""Runs several cells at a time, each in its own process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

from dagen.benchmarking.attempt import Runner, attempt
from dagen.benchmarking.cells import Cell
from dagen.benchmarking.queue import Queue
from dagen.errors import DagenError
from dagen.runs.config import Config

if TYPE_CHECKING:
    from dagen.runs.runtime import Runtime

_EVERY = 2.0  # seconds between two checks of the processes' progress
_PATIENCE = 60.0  # seconds for a process that was asked to stop to save its state


@dataclass
class _Worker:
    cell: Cell
    process: BaseProcess
    answer: Connection


def run_in_processes(queue: Queue, runtime: Runtime, jobs: int, runner: Runner) -> None:
    """Run all cells of the queue.

    Args:
        queue: the cells.
        runtime: where and how to run; without ``workers`` each process decides by its cores.
        jobs: number of parallel processes.
        runner: function that does a run.
    """
    # Separate processes, not a pool: one that runs out of memory does not stop the others.
    context = multiprocessing.get_context("spawn")
    cores = len(os.sched_getaffinity(0))
    threads = max(1, cores // jobs)
    workers = runtime.workers if runtime.workers is not None else min(8, threads - 1)
    theirs = replace(runtime, quiet=True, workers=workers)
    with _stopping() as running:
        while True:
            while len(running) < jobs and (cell := queue.take()) is not None:
                ours, other = context.Pipe(duplex=False)
                process = context.Process(
                    target=_work, args=(runner, cell.config, theirs, threads, other)
                )
                process.start()
                other.close()
                running.append(_Worker(cell, process, ours))
            if not running:
                return
            wait([worker.process.sentinel for worker in running], timeout=_EVERY)
            queue.look([worker.cell for worker in running])
            for worker in [w for w in running if not w.process.is_alive()]:
                running.remove(worker)
                queue.end(worker.cell, _verdict(worker))


def _verdict(worker: _Worker) -> str | None:
    with suppress(EOFError), worker.answer:
        if worker.answer.poll():
            reason: str | None = worker.answer.recv()
            return reason
    code = worker.process.exitcode or 0
    if code < 0:
        name = signal.Signals(-code).name
        return f"its process was ended by {name}{' (out of memory?)' if code == -9 else ''}."
    return f"its process ended with code {code}."


@contextmanager
def _stopping() -> Iterator[list[_Worker]]:
    """Ask processes that still run at the end of the block to save their state and exit."""
    running: list[_Worker] = []
    try:
        yield running
    finally:
        for worker in running:
            worker.process.terminate()
        for worker in running:
            worker.process.join(_PATIENCE)


def _work(
    runner: Runner, config: Config, runtime: Runtime, threads: int, answer: Connection
) -> None:
    """The body of a process: one run, on its share of the cores."""
    import torch

    if "OMP_NUM_THREADS" not in os.environ:  # else the user has decided
        torch.set_num_threads(threads)
    threading.Thread(target=_follow_parent, daemon=True).start()
    with suppress(KeyboardInterrupt):
        try:
            reason = attempt(runner, config, runtime)
        except DagenError as error:  # it was asked to stop
            reason = str(error)
        with suppress(BrokenPipeError):  # the parent has gone
            answer.send(reason)


def _follow_parent() -> None:
    """End this process if its benchmark is killed, after saving its state."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
