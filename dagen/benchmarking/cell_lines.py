"""Lines of what is measured of a cell's network beside its run, and which of them still hold.

``[deploy]`` has a line for each smaller file of a network, ``breakdown`` one for each score.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from dagen.benchmarking.cells import Benchmark, Cell
from dagen.runs import results
from dagen.runs.starts import is_start


@dataclass(frozen=True, kw_only=True)
class CellLine:
    """The cell that a line is about.

    Attributes:
        row: name of the table row.
        model: name of the network.
        task: name of the task.
        seed: seed of the cell.
        source: the source of the whole table.
        target: the target of the whole table, or None.
        axes: the point on the benchmark's other axes.
        run: name of the cell's run.
        weights: SHA-256 of the tensors of the cell's deployed file; empty before it is measured.
        commit: commit of the code that measured it, or ``unknown``.
    """

    row: str
    model: str
    task: str
    seed: int
    source: str
    target: str | None
    axes: dict[str, Any]
    run: str
    weights: str = ""
    commit: str = ""

    @property
    def domain(self) -> str:
        """The data set of the table: the target, or the source without a target."""
        return self.target or self.source

    @property
    def place(self) -> tuple[str, str, str]:
        """The cell: rows may share a run, and so may points on an axis."""
        return self.row, self.run, json.dumps(self.axes, sort_keys=True, default=list)

    @property
    def part(self) -> object:
        """What tells the lines of one cell apart, and what they are about."""
        return None


_T = TypeVar("_T", bound=CellLine)


def about(cell: Cell) -> dict[str, Any]:
    """What every line of a cell says of it."""
    return {
        "row": cell.row,
        "model": cell.config.model,
        "task": cell.config.task,
        "seed": cell.config.seed,
        "source": cell.source,
        "target": cell.target,
        "axes": dict(cell.axes),
        "run": cell.config.name,
    }


def with_network(benchmark: Benchmark) -> list[Cell]:
    """The cells with a network to deploy and score: not those that pre-train one."""
    return [cell for cell in benchmark.cells if not is_start(cell.config.to_dict())]


def kept(planned: Iterable[_T], before: Iterable[_T], runs: Path) -> list[_T]:
    """The lines that still belong to the benchmark, in its order.

    Those of a run that is not on this machine are kept; those of a run that was made again with
    other weights are not. An axis that joins the grid keeps the lines of the same runs.

    Args:
        planned: the lines that the benchmark asks for, before anything is measured.
        before: lines that were measured.
        runs: folder of all runs.
    """
    before = list(before)
    known = {(one.place, one.part): one for one in before}
    elsewhere = {(one.row, one.run, one.part): one for one in before}
    weights: dict[str, str | None] = {}
    found = []
    for line in planned:
        one = known.get((line.place, line.part)) or elsewhere.get((line.row, line.run, line.part))
        if one is None:
            continue
        if line.run not in weights:
            result = results.intact(runs / line.run)
            weights[line.run] = None if result is None else result.weights
        if weights[line.run] in (None, one.weights):
            found.append(replace(one, axes=line.axes, source=line.source, target=line.target))
    return found
