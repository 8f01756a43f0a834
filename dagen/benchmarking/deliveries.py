"""Delivers the logs of cells that run on other machines to MLflow.

Only this process talks to MLflow: its store may be a file, which many machines must not write at a
time, and its password stays here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagen.benchmarking.cells import Cell
from dagen.runs import describe
from dagen.tracking.delivery import Delivery

if TYPE_CHECKING:
    from dagen.runs.runtime import Runtime


class Deliveries:
    """The deliveries of the cells that are running.

    Args:
        runtime: whether and where to deliver.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._open: dict[str, Delivery] = {}

    def begin(self, cell: Cell) -> None:
        """Prepare the delivery of a cell.

        Raises:
            DagenError: the cell was started in another experiment, or its folder cannot be written.
        """
        if self._runtime.track:
            name, runs = cell.config.name, self._runtime.runs
            self._open[name] = Delivery(
                runs / name,
                self._runtime.experiment,
                describe.run_name(cell.config.to_dict(), name),
                parent=self._runtime.parent,
                runs=runs,
            )

    def poll(self) -> None:
        """Deliver news of one cell, if it is due; a slow store must not hold up the grid."""
        if self._open:
            name = next(iter(self._open))
            self._open[name] = delivery = self._open.pop(name)  # to the end of the line
            delivery.poll()

    def end(self, cell: Cell) -> None:
        """Deliver the rest of a cell's log."""
        if (delivery := self._open.pop(cell.config.name, None)) is not None:
            delivery.close()

    def close(self) -> None:
        """Deliver the rest of all cells that were stopped."""
        while self._open:
            self._open.popitem()[1].close()
