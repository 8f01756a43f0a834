"""From the folders of runs to records, and which runs are still to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from dagen.benchmarking.cells import Benchmark, Cell
from dagen.benchmarking.tables.records import Record
from dagen.runs import results
from dagen.runs.history import history, read_records
from dagen.runs.results import RunResult


def collect(benchmark: Benchmark, runs: Path, before: Iterable[Record]) -> list[Record]:
    """The records of all cells that are done, here or where an earlier file was made.

    Args:
        benchmark: its cells.
        runs: folder of all runs.
        before: records of an earlier file. One of a cell that is not done here stays, one of a
            cell that is no more (its settings have changed) does not.
    """
    known = {(record.row, record.run): record for record in before}
    found = {}
    for cell in benchmark.cells:
        key = (cell.row, cell.config.name)
        if (result := results.load(runs / cell.config.name)) is not None:
            found[key] = record(cell, result)
        elif key in known:
            found[key] = known[key]
    return list(found.values())


def record(cell: Cell, result: RunResult) -> Record:
    """What is published of a cell that is done; no path of this machine is in it."""
    tags: dict[str, str] = {}
    for entry in read_records(result.folder):
        if entry["kind"] == "tags":
            tags.update(entry["values"])
    config = dict(result.config)
    if config.get("init") and not config["init"].startswith(results.RUN):
        config["init"] = PurePath(config["init"]).name
    return Record(
        row=cell.row,
        model=cell.config.model,
        task=cell.config.task,
        seed=cell.config.seed,
        source=cell.source,
        target=cell.target,
        axes=dict(cell.axes),
        run=cell.config.name,
        config=config,
        commit=tags.get("git.commit", "unknown"),
        torch=tags.get("torch.version", "unknown"),
        hardware=tags.get("hardware", "unknown"),
        scores=result.scores,
        profile=result.profile,
        seconds=round(result.seconds, 1),
        selection=result.selection,
        stream=result.stream,
    )


def steps_done(cell: Cell, runs: Path) -> int:
    """How many steps of a run its log knows of; all of them once it has a result."""
    folder = runs / cell.config.name
    if results.load(folder) is not None:
        return cell.config.steps
    steps = [points[-1][0] for points in history(folder).values()]
    return min(max(steps, default=0), cell.config.steps)


@dataclass(frozen=True)
class Costs:
    """Seconds that cells take, judged by those that are done.

    Attributes:
        done: the records of the cells that are done.
    """

    done: Sequence[Record]

    def seconds(self, cell: Cell) -> float | None:
        """What a cell takes from its start: as its row with another seed, else as its network.

        Cells of other budgets are scaled by the images that they see; None where no cell of
        the network is done.
        """
        same = [r for r in self.done if (r.model, r.task) == (cell.config.model, cell.config.task)]
        alike = [r for r in same if r.row == cell.row] or same
        if not alike:
            return None
        pace = [r.seconds / _pixels(r.config) for r in alike]
        return sum(pace) / len(pace) * _pixels(cell.config.to_dict())

    def left(self, cells: Iterable[Cell], runs: Path) -> float | None:
        """Seconds that cells still take one after the other; None where that is not known."""
        total = 0.0
        for cell in cells:
            whole = self.seconds(cell)
            if whole is None:
                return None
            total += whole * (1 - steps_done(cell, runs) / cell.config.steps)
        return total


def _pixels(config: Mapping[str, Any]) -> float:
    height, width = config["size"]
    return float(config["steps"] * config["batch"] * height * width)
