"""One process, or several under ``torchrun``.

``torchrun --nproc-per-node 2 -m dagen adapt ...`` starts several processes; each takes its share
of every batch. Rank 0 alone scores, saves and logs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed as dist
from torch import nn

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
        """Whether this process scores, saves and logs."""
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
        # Rank 0 scores while the others wait; the default of minutes is too short for that.
        backend = "nccl" if where.type == "cuda" else "gloo"
        dist.init_process_group(backend, timeout=timedelta(hours=12))
    try:
        yield World(dist.get_rank(), dist.get_world_size(), where)
    except RuntimeError as error:
        if not _is_connection_lost(error):
            raise
        raise DagenError(
            "another process of this run has ended; its message says why. The same command resumes "
            "from the last saved state."
        ) from error
    finally:
        if not joined:
            dist.destroy_process_group()


def _is_connection_lost(error: RuntimeError) -> bool:
    """Whether an error is one of the connection between processes; gloo has no type for these."""
    return isinstance(error, dist.DistBackendError) or "gloo/transport" in str(error)


def rank() -> int:
    """This process's number among all; 0 when it is alone."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0
