"""Turns the folders of runs into records, and estimates the time of the remaining runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from dagen.benchmarking import references
from dagen.benchmarking.cells import Benchmark, Cell
from dagen.benchmarking.tables.records import Record
from dagen.runs import results
from dagen.runs.history import history, read_records
from dagen.runs.results import RunResult
from dagen.runs.runtime import PRECISION


def collect(benchmark: Benchmark, runs: Path, before: Iterable[Record]) -> list[Record]:
    """The records of all finished cells, from here or from an earlier file.

    Args:
        benchmark: the benchmark.
        runs: folder of all runs.
        before: records of an earlier file. Records of cells that are not done here are kept; those
            of cells that no longer exist (their settings have changed) are not. An axis that
            joins the grid leaves the name of a run as it is where it says what held before, so
            such a record stands for the run's new cell.
    """
    before = list(before)
    known = {_key(one.row, one.run, one.axes): one for one in before}
    elsewhere = {(one.row, one.run): one for one in before}
    found = {}
    for cell in benchmark.cells:
        key = _key(cell.row, cell.config.name, cell.axes)
        if (result := results.intact(runs / cell.config.name)) is not None:
            found[key] = record(cell, result)
        elif (one := known.get(key) or elsewhere.get((cell.row, cell.config.name))) is not None:
            # The run is the same; its place is that which the table has now.
            found[key] = replace(one, axes=dict(cell.axes), source=cell.source, target=cell.target)
    return [*found.values(), *references.kept(benchmark, before)]


def _key(row: str, run: str, axes: Mapping[str, Any]) -> tuple[str, str, str]:
    """A record's key; rows may share a run, and so may points on an axis."""
    return row, run, json.dumps(axes, sort_keys=True, default=list)


def record(cell: Cell, result: RunResult) -> Record:
    """The published record of a finished cell, without paths of this machine."""
    tags: dict[str, str] = {}
    for entry in read_records(result.folder):
        if entry["kind"] == "tags":
            tags.update(entry["values"])
    hardware = tags.get("hardware", "unknown")
    if (precision := tags.get(PRECISION, "float32")) != "float32":
        hardware += f", {precision}"
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
        hardware=hardware,
        scores=result.scores,
        profile=result.profile,
        seconds=round(result.seconds, 1),
        selection=result.selection,
        stream=result.stream,
        seen=result.seen,
        false_alarms=result.false_alarms,
    )


def steps_done(cell: Cell, runs: Path) -> int:
    """Number of a run's steps in its log; all of them once it has a result."""
    folder = runs / cell.config.name
    if results.intact(folder) is not None:
        return cell.config.steps
    steps = [points[-1][0] for points in history(folder).values()]
    return min(max(steps, default=0), cell.config.steps)


@dataclass(frozen=True)
class Costs:
    """Estimates of the seconds of cells, from the finished ones.

    Attributes:
        done: the records of the finished cells.
    """

    done: Sequence[Record]

    def seconds(self, cell: Cell) -> float | None:
        """The seconds of a whole cell: like its row with another seed, else like its network.

        Cells with other budgets are scaled by their number of images; None if no cell of the
        network is done.
        """
        task = (cell.config.model, cell.config.task)
        same = [r for r in self.done if (r.model, r.task) == task and not r.as_it_comes]
        alike = [r for r in same if r.row == cell.row] or same
        if not alike:
            return None
        pace = [r.seconds / _pixels(r.config) for r in alike]
        return sum(pace) / len(pace) * _pixels(cell.config.to_dict())

    def left(self, cells: Iterable[Cell], runs: Path) -> float | None:
        """Seconds left for cells one after the other; None if not known."""
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
