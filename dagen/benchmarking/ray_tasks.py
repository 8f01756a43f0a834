"""The tasks of a Ray cluster: sent, looked after, tried again, cancelled."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagen.benchmarking.carrying import unpack
from dagen.benchmarking.cells import Cell
from dagen.benchmarking.deliveries import Deliveries
from dagen.benchmarking.queue import Queue
from dagen.benchmarking.remote import Answer
from dagen.errors import DagenError, short

if TYPE_CHECKING:
    from dagen.runs.runtime import Runtime

_EVERY = 2.0  # seconds between two checks of the progress
_PATIENCE = 60.0  # seconds for cells that were asked to stop to save their states
_TRIES = 3  # machines that a cell may lose

logger = logging.getLogger("dagen")


@dataclass
class _Task:
    cell: Cell
    lost: int = 0


class Tasks:
    """The tasks of a grid's cells; those that are left at the end of the block are cancelled.

    Args:
        queue: the cells.
        runtime: the folder of all runs, and whether to log to MLflow.
        send: sends a cell to the cluster, and returns the reference of its answer.
        needs: what a cell needs of a machine, by Ray's name of the resource.
    """

    def __init__(
        self,
        queue: Queue,
        runtime: Runtime,
        send: Callable[[Cell], Any],
        needs: Mapping[str, float],
    ) -> None:
        self._queue, self._runs, self._send, self._needs = queue, runtime.runs, send, needs
        self._deliveries = Deliveries(runtime)
        self._tasks: dict[Any, _Task] = {}
        self._waits = False

    def __enter__(self) -> Tasks:
        return self

    def __exit__(self, *error: object) -> None:
        import ray

        for each in self._tasks:
            ray.cancel(each)
        if self._tasks:
            ray.wait([*self._tasks], num_returns=len(self._tasks), timeout=_PATIENCE)
        self._deliveries.close()

    def fill(self, most: int | None) -> bool:
        """Send the cells that can run now.

        Args:
            most: most tasks at a time; None is as many as there are.

        Returns:
            Whether there are tasks.
        """
        while most is None or len(self._tasks) < most:
            if (cell := self._queue.take()) is None:
                break
            try:
                self._deliveries.begin(cell)
            except DagenError as error:
                self._queue.end(cell, str(error))
            else:
                self._tasks[self._send(cell)] = _Task(cell)
        return bool(self._tasks)

    def look(self) -> None:
        """Wait a little for a task to end, and tell how the others are."""
        import ray

        ended, _ = ray.wait([*self._tasks], timeout=_EVERY)
        self._queue.look([task.cell for task in self._tasks.values()])
        self._deliveries.poll()
        self._tell_if_none_fits()
        for each in ended:
            self._end(self._tasks.pop(each), each)

    def _end(self, task: _Task, reference: Any) -> None:
        answer = _answer(reference)
        if answer.stopped:
            self._lose(task, answer.reason or "")
            return
        reason = answer.reason
        try:
            unpack(answer.files, self._runs / task.cell.config.name)
        except DagenError as error:
            reason = str(error)
        self._deliveries.end(task.cell)
        self._queue.end(task.cell, reason)

    def _lose(self, task: _Task, why: str) -> None:
        """Send a cell to another machine, or give it up."""
        task.lost += 1
        if task.lost < _TRIES:
            logger.warning("%s lost its machine (%s); it is tried again.", task.cell.label, why)
            self._tasks[self._send(task.cell)] = task
        else:
            self._deliveries.end(task.cell)
            self._queue.end(task.cell, f"its machine was lost {task.lost} times; the last: {why}")

    def _tell_if_none_fits(self) -> None:
        """Say once that cells wait for a machine that is large enough; one may join."""
        import ray

        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        fits = any(
            all(machine.get(name, 0) >= need for name, need in self._needs.items())
            for machine in machines
        )
        if not fits and not self._waits:
            wanted = ", ".join(f"{name} {need:.15g}" for name, need in self._needs.items())
            logger.warning("no machine of the cluster has %s: cells wait for one.", wanted)
        self._waits = not fits


def _answer(reference: Any) -> Answer:
    """What a machine said of its cell, or what Ray says of the machine."""
    import ray
    from ray import exceptions

    own = (
        exceptions.RayTaskError,
        exceptions.RuntimeEnvSetupError,
        exceptions.TaskUnschedulableError,
    )
    try:
        answer: Answer = ray.get(reference)
    except own as error:  # another machine would say the same
        cause = getattr(error, "cause", None) or error
        return Answer(f"{type(cause).__name__}: {_line(cause)}")
    except exceptions.RayError as error:
        return Answer(_line(error), stopped=True)
    return answer


def _line(error: BaseException) -> str:
    """The first sentence of Ray's page of text."""
    return short(str(error).strip().partition("\n")[0].partition(". ")[0] or "no reason given", 300)
