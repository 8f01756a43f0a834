"""Options of ``dagen benchmark`` about who runs the cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from dagen.errors import UsageError, unknown

if TYPE_CHECKING:
    from dagen.benchmarking.running import Engine

_PANEL = "Many machines"


@dataclass(frozen=True)
class Where:
    """Who runs the cells: this machine, or the machines of a Ray cluster."""

    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Parallel processes, which share the cores; with Ray, most cells at a time.",
            show_default="1; with Ray, as many as fit",
        ),
    ] = None
    engine: Annotated[
        str, typer.Option(help="local, or ray: a cluster of machines.", rich_help_panel=_PANEL)
    ] = "local"
    address: Annotated[
        str | None,
        typer.Option(
            help="Ray's cluster, such as 10.0.0.1:6379; otherwise $RAY_ADDRESS, or this machine.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    cpus: Annotated[
        float | None,
        typer.Option(help="With Ray, cores of a cell.", show_default="1", rich_help_panel=_PANEL),
    ] = None
    gpus: Annotated[
        float | None,
        typer.Option(
            help="With Ray, GPUs of a cell; 0.5 lets two cells share one.",
            show_default="1 with --device cuda, else 0",
            rich_help_panel=_PANEL,
        ),
    ] = None
    memory: Annotated[
        str | None,
        typer.Option(
            help="With Ray, memory that a cell needs, such as 4GB.", rich_help_panel=_PANEL
        ),
    ] = None
    share: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Run the I-th of N shares and write no table, as a job of an array.",
            rich_help_panel=_PANEL,
        ),
    ] = None

    def made(self) -> Engine:
        """The engine.

        Raises:
            UsageError: an unknown engine, options that do not belong to it, or values that are out
                of range.
        """
        from dagen.benchmarking.running import Local

        if self.engine == "ray":
            return self._ray()
        if self.engine != "local":
            raise unknown("engine", self.engine, ("local", "ray"))
        for name in ("address", "cpus", "gpus", "memory"):
            if getattr(self, name) is not None:
                raise UsageError(f"--{name} is for a Ray cluster; give --engine ray, too.")
        return Local(self.jobs or 1)

    def _ray(self) -> Engine:
        from dagen.benchmarking.ray_engine import Ray
        from dagen.datasets.loading.cache_eviction import parse

        if self.share is not None:
            raise UsageError(
                "--share deals the cells to jobs that know nothing of each other, and Ray to its "
                "machines; give one of both."
            )
        memory = None if self.memory is None else parse(self.memory, "--memory")
        return Ray(
            self.address, 1 if self.cpus is None else self.cpus, self.gpus, memory, self.jobs
        )
