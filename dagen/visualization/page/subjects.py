"""The runs of a page: found by folder, name or hash, read, and given distinct titles."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagen.errors import DagenError, UsageError
from dagen.runs import describe, results
from dagen.runs.baseline import baseline_of
from dagen.runs.finding import folder_of
from dagen.runs.history import LOG, Curve, history, read_records
from dagen.runs.results import RunResult

logger = logging.getLogger("dagen")


@dataclass(frozen=True)
class Subject:
    """One run.

    Attributes:
        title: its title in tables and legends.
        result: its result.
        added: whether it was added as the baseline of the others.
        tags: the log's tags about code and machine.
        data: the log's records about the data sets that it read.
        ended: time of its end in milliseconds since 1970; None if the log lacks it.
        curves: all metrics that it logged, by name.
    """

    title: str
    result: RunResult
    added: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    data: tuple[dict[str, Any], ...] = ()
    ended: int | None = None
    curves: dict[str, Curve] = field(default_factory=dict)

    @property
    def told(self) -> str:
        """A description of the run for captions."""
        brief = describe.in_brief(self.result.config, self.result.stream_images)
        return f"{self.title}: {brief}"


def open_all(given: Sequence[str], runs: Path) -> list[Subject]:
    """The runs in the given order, after their common baseline.

    The baseline is added if all runs have the same one and it is not given.

    Args:
        given: folders, names of runs, or the hashes at the end of names.
        runs: folder of all runs.

    Raises:
        UsageError: no run is given, or a run is given twice, missing or unfinished.
        DagenError: a result or a log is damaged.
    """
    if not given:
        raise UsageError("no run is given; name a run or its folder.")
    found = [_load(folder_of(name, runs)) for name in given]
    twice = [
        name for name, count in Counter(r.folder.resolve() for r in found).items() if count > 1
    ]
    if twice:
        raise UsageError(f"{twice[0]} is given twice; give each run once.")
    added = _shared(found)
    everything = [*added, *found]
    configs = [result.config for result in everything]
    titles = describe.told_apart([result.title for result in everything], configs)
    return [
        _subject(title, result, result in added)
        for title, result in zip(titles, everything, strict=True)
    ]


def _shared(found: Sequence[RunResult]) -> list[RunResult]:
    """The common baseline of all runs with a target, unless it is among them; else none."""
    wanted = [baseline_of(result) for result in found if result.config["tgt"] is not None]
    there = {result.name: result for result in wanted if result is not None}
    if None in wanted or len(there) != 1 or there.keys() & {result.name for result in found}:
        return []
    return list(there.values())


def _load(folder: Path) -> RunResult:
    result = results.load(folder)
    if result is None:
        raise DagenError(
            f"{folder} is not the folder of a finished run: it has no {results.MODEL}. Run the "
            "same command again to make it."
        )
    return result


def _subject(title: str, result: RunResult, added: bool) -> Subject:
    tags: dict[str, str] = {}
    data: dict[str, dict[str, Any]] = {}
    ended, status = None, None
    for record in read_records(result.folder):
        if record["kind"] == "tags":
            tags |= record["values"]
        elif record["kind"] == "dataset":
            data[record["role"]] = record
        elif record["kind"] == "status":
            ended, status = record["time"], record["status"]
    if status != "FINISHED" and not result.name.startswith(results.GIVEN):
        logger.warning("%s is incomplete; the page lacks what it had.", result.folder / LOG)
    curves = history(result.folder)
    return Subject(title, result, added, tags, tuple(data.values()), ended, curves)
