"""Runs cells on the machines of a Ray cluster, each as one task (the extra ``dagen[ray]``).

Ray decides which machine runs which cell, by what a cell needs. A cell whose machine is lost is
tried again on another one, from its own saved state if the machines share the folder of all runs.
Otherwise the machines get the networks that a cell needs, and send back the files that it made.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from dagen.benchmarking.attempt import Runner
from dagen.benchmarking.carrying import Files, pack
from dagen.benchmarking.cells import Cell
from dagen.benchmarking.queue import Queue
from dagen.benchmarking.ray_tasks import Tasks
from dagen.benchmarking.remote import Answer, Order, mark, work
from dagen.errors import DagenError, Stopped, UsageError, short
from dagen.system.stopping import asked_to_stop

if TYPE_CHECKING:
    from dagen.runs.config import Config
    from dagen.runs.runtime import Runtime

_REACH = 10.0  # seconds for a cluster to answer
_SENT = ("DAGEN_DATA", "DAGEN_CACHE", "DAGEN_CACHE_LIMIT", "DAGEN_TEACHERS", "OMP_WAIT_POLICY")


@dataclass(frozen=True)
class Ray:
    """The engine that runs cells on a Ray cluster.

    Attributes:
        address: address of the cluster; None is ``$RAY_ADDRESS``, else the cluster that runs on
            this machine, else a new one of this machine alone.
        cpus: processor cores that a cell needs; it uses as many threads.
        gpus: GPUs that a cell needs; a part, such as 0.5, lets cells share one. None is 1 with
            the device ``cuda``, else 0.
        memory: bytes of memory that a cell needs; None asks for none.
        jobs: most cells at a time; None is as many as fit.
    """

    address: str | None = None
    cpus: float = 1
    gpus: float | None = None
    memory: int | None = None
    jobs: int | None = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UsageError: one is out of range, or Ray is not installed.
        """
        for name, least in (("cpus", 0), ("gpus", 0), ("memory", 0), ("jobs", 1)):
            if (given := getattr(self, name)) is not None and given < least:
                raise UsageError(f"{name} is {short(given)}; give at least {least}.")
        try:
            import ray  # noqa: F401
        except ImportError:
            raise UsageError(
                "the engine ray needs the package ray: pip install 'dagen[ray]'."
            ) from None

    @property
    def parallel(self) -> bool:
        """Whether several cells may run at a time."""
        return True

    def run(self, queue: Queue, runtime: Runtime, runner: Runner) -> None:
        """Run all cells of the queue; see :class:`dagen.benchmarking.running.Engine`.

        Raises:
            DagenError: the cluster cannot be joined.
            Stopped: SIGTERM or Ctrl-C came; the cells were asked to save their states.
        """
        theirs = self._theirs(runtime)
        order = mark(runtime)
        # In this order: Ray handles SIGTERM in a way of its own.
        with _joined(self.address), asked_to_stop() as came:
            send = self._sender(runner, theirs, order)
            with Tasks(queue, replace(runtime, runs=theirs.runs), send, self._needs(theirs)) as on:
                while on.fill(self.jobs):
                    on.look()
                    if came:
                        raise Stopped("the cells were asked to stop; run again to resume.", came[0])

    def _theirs(self, runtime: Runtime) -> Runtime:
        """The runtime of the machines of the cluster.

        Raises:
            UsageError: the device is one of several GPUs, which Ray chooses.
        """
        if runtime.device.startswith("cuda:"):
            raise UsageError(
                f"the device is {runtime.device}; Ray chooses the GPU of a cell, so give --device "
                "cuda."
            )
        workers = runtime.workers
        return replace(
            runtime,
            runs=runtime.runs.absolute(),
            data_root=runtime.data_root and runtime.data_root.absolute(),
            device="cuda" if self._gpus(runtime) else "cpu",
            workers=min(8, max(0, int(self.cpus) - 1)) if workers is None else workers,
            quiet=True,
            track=False,  # this process delivers
        )

    def _gpus(self, runtime: Runtime) -> float:
        return self.gpus if self.gpus is not None else float(runtime.device == "cuda")

    def _needs(self, runtime: Runtime) -> dict[str, float]:
        """What a cell needs, by Ray's name of the resource."""
        found = {"CPU": self.cpus, "GPU": self._gpus(runtime), "memory": self.memory or 0}
        return {name: need for name, need in found.items() if need}

    def _sender(self, runner: Runner, theirs: Runtime, order: Order) -> Callable[[Cell], Any]:
        """The function that sends a cell to the cluster and returns what Ray knows it by."""
        import ray

        # max_calls: every cell has a process of its own. max_retries: Ray itself would try a cell
        # that runs out of memory for ever, so others count.
        task = ray.remote(
            max_calls=1,
            max_retries=0,
            num_cpus=self.cpus,
            num_gpus=self._gpus(theirs),
            memory=self.memory or 0,
            scheduling_strategy="SPREAD",
            runtime_env={"env_vars": self._environment()},
        )(_work)
        packed: dict[str, Any] = {}

        def send(cell: Cell) -> Any:
            for name in cell.needs:
                if name not in packed:
                    packed[name] = ray.put(pack(theirs.runs / name))
            needs = {name: packed[name] for name in cell.needs}
            return task.options(name=cell.label).remote(runner, cell.config, theirs, order, needs)

        return send

    def _environment(self) -> dict[str, str]:
        """The variables of a cell's process, as they would be on this machine."""
        from dagen.tracking.recording import COMMIT, commit

        found = {name: os.environ[name] for name in _SENT if name in os.environ}
        found["OMP_NUM_THREADS"] = str(max(1, int(self.cpus)))
        if (revision := commit()) is not None:  # the machines may have the code alone
            found[COMMIT] = revision
        return found


def _work(
    runner: Runner, config: Config, runtime: Runtime, order: Order, needs: Mapping[str, Any]
) -> Answer:
    """The body of a task; ``needs`` are references, which are fetched only where they are used."""
    import ray

    def fetch(name: str) -> Files:
        files: Files = ray.get(needs[name])
        return files

    return work(runner, config, runtime, order, {name: partial(fetch, name) for name in needs})


@contextmanager
def _joined(address: str | None) -> Iterator[None]:
    """Be part of a cluster inside the block.

    Raises:
        DagenError: there is none at the address, or it is of another kind.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray tells nobody about this cluster
    import ray

    if ray.is_initialized():  # by the program that calls this
        yield
        return
    where = address or os.environ.get("RAY_ADDRESS") or "this machine"
    try:
        _probe(where)
        ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (OSError, RuntimeError, ValueError, AssertionError) as error:
        raise DagenError(
            f"cannot join the Ray cluster at {short(where)} ({short(str(error).strip(), 300)}); "
            "start one with `ray start`, or give its --address."
        ) from error
    # Ray prints pages about a lost machine, though this program tells it in a line of its own.
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        try:
            yield
        finally:
            ray.shutdown()


def _probe(address: str) -> None:
    """Raise an OSError if nothing listens at ``host:port``; Ray itself waits for two minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), _REACH).close()
