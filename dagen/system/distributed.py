"""One process, or several under ``torchrun``.

``torchrun --nproc-per-node 2 -m dagen adapt ...`` starts several processes; each takes its share
of every batch, and of the images that are scored. Rank 0 alone decides, saves and logs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.distributed import PrefixStore  # type: ignore[attr-defined]
from torch.distributed.rendezvous import rendezvous

from dagen.errors import DagenError
from dagen.system.device import choose_device


@dataclass(frozen=True)
class World:
    """This process's place among all processes of the run."""

    rank: int
    size: int
    device: torch.device

    @property
    def main(self) -> bool:
        """Whether this process decides, saves and logs."""
        return self.rank == 0

    def wrap(self, module: nn.Module) -> nn.Module:
        """``module``, its gradients averaged over all processes."""
        if self.size == 1:
            return module
        return nn.parallel.DistributedDataParallel(module)

    def barrier(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            dist.barrier()

    def anywhere(self, flag: bool) -> bool:
        """Whether ``flag`` is true in any process; all of them call this together.

        It costs one exchange of a single number; nothing in a process that is alone.
        """
        if self.size == 1:
            return flag
        told = torch.tensor(int(flag), device=self.device)
        dist.all_reduce(told, dist.ReduceOp.MAX)
        return bool(told)

    def total(self, x: Tensor) -> Tensor:
        """The sum of all processes' ``x``, of one shape, where ``x`` is."""
        if self.size == 1:
            return x
        summed = x.to(self.device, copy=True)
        dist.all_reduce(summed)
        return summed.to(x.device)

    def mean(self, figures: Mapping[str, float]) -> dict[str, float]:
        """Each figure's mean over the processes that have it; all of them call this together."""
        if self.size == 1:
            return dict(figures)
        found: list[dict[str, float]] = [{} for _ in range(self.size)]
        dist.all_gather_object(found, dict(figures))
        every = {name: [one[name] for one in found if name in one] for name in figures}
        return {name: sum(values) / len(values) for name, values in every.items()}

    def tell(self, message: object) -> None:
        """Send something to all others, which wait in :meth:`told`. Rank 0 only.

        Args:
            message: it is pickled, so that tensors in it should be on the CPU.
        """
        if self.size > 1:
            dist.broadcast_object_list([message], device=self.device)

    def told(self) -> Any:
        """What rank 0 tells; any other rank waits here."""
        message: list[Any] = [None]
        dist.broadcast_object_list(message, device=self.device)
        return message[0]


ALONE = World(0, 1, torch.device("cpu"))
"""A process without others; its device is of no account."""


@contextmanager
def world(device: str) -> Iterator[World]:
    """Join the processes that ``torchrun`` started; without it the process is alone.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        UsageError: this machine has no such device.
        DagenError: another process of the run has ended, so that this one cannot go on.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    where = choose_device(device)
    if size == 1:
        yield World(0, 1, where)
        return
    if where.type == "cuda":
        where = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(where)
    joined = dist.is_initialized()
    if not joined:
        _join("nccl" if where.type == "cuda" else "gloo")
    try:
        yield World(dist.get_rank(), dist.get_world_size(), where)
    except RuntimeError as error:
        if "find_unused_parameters" in str(error):
            raise DagenError(
                "a strategy or network has parameters that a step's losses do not depend on, which "
                "only one process allows: start it without torchrun, or let its losses add 0.0 "
                "times the sum of what these parameters compute."
            ) from error
        if not _is_connection_lost(error):
            raise
        raise DagenError(
            "another process of this run has ended; its message says why. The same command resumes "
            "from the last saved state."
        ) from error
    finally:
        if not joined:
            dist.destroy_process_group()


_GROUPS = count()
"""Numbers the groups that this process joins; all processes of a run join equally many."""


def _join(backend: str) -> None:
    """Join a process group of this attempt.

    ``torchrun --max-restarts`` keeps its store for all attempts, and in it the addresses of the
    processes that have ended; without a prefix the new ones would try to reach those. The same
    holds for a process that joins once more, for another run.
    """
    # The others wait while rank 0 judges and draws; the default of minutes is too short.
    wait = timedelta(hours=12)
    store, number, size = next(rendezvous("env://", timeout=wait))
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    store = PrefixStore(f"dagen/attempt{attempt}/{next(_GROUPS)}", store)
    dist.init_process_group(backend, store=store, rank=number, world_size=size, timeout=wait)


def _is_connection_lost(error: RuntimeError) -> bool:
    """Whether an error is one of the connection between processes; gloo has no type for these."""
    return isinstance(error, dist.DistBackendError) or "gloo/transport" in str(error)


def rank() -> int:
    """This process's number among all; 0 when it is alone."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0
