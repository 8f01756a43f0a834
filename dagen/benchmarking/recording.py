"""The log of a benchmark for MLflow: one run whose children are the cells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dagen.benchmarking.cells import Benchmark
from dagen.benchmarking.tables.records import Record
from dagen.benchmarking.tables.sections import sections
from dagen.errors import Stopped
from dagen.runs.history import read_records
from dagen.runs.log import RunLog, Status
from dagen.runs.results import LOCK
from dagen.system.files import make_folder
from dagen.system.locks import exclusive
from dagen.tracking.delivery import Delivery, deliver_pending

if TYPE_CHECKING:
    from dagen.runs.runtime import Runtime


class BenchmarkLog:
    """The log of a benchmark.

    Attributes:
        folder: folder of the log, which the cells' logs name as their parent.
        succeeded: whether the log will end with a success.
    """

    def __init__(self, log: RunLog) -> None:
        self._log = log
        self.folder = log.folder
        self.succeeded = False

    def results(self, records: Sequence[Record], files: Sequence[Path]) -> None:
        """Log each row's headline score as a metric, the number of cells and the tables."""
        figures = {"cells": float(sum(not record.as_it_comes for record in records))}
        for section in sections(records):
            for row in section.rows:
                name = "/".join([*section.title.split(", "), row, section.headline])
                figures[re.sub(r"[^/\w.\- :]+", "-", name)] = section.headline_of(row).mean
        self._log.metrics(figures, len(records))
        for file in files:
            self._log.artifact(file, "results")


@contextmanager
def occupied(benchmark: Benchmark, runs: Path) -> Iterator[None]:
    """Keep other processes from running the same benchmark; this one waits for them.

    Raises:
        DagenError: the folder of the benchmark's log cannot be written to.
    """
    folder = make_folder(_folder(benchmark, runs))
    with exclusive(folder / LOCK, f"the benchmark {benchmark.name}"):
        yield


@contextmanager
def logged(benchmark: Benchmark, runtime: Runtime) -> Iterator[BenchmarkLog]:
    """The benchmark's log, new or continued; its final status is always logged.

    Records of the cells' logs that MLflow lacks at the end, because several processes wrote to its
    store at a time, are delivered then.
    """
    log = RunLog.open(_folder(benchmark, runtime.runs))
    delivery = _delivery(benchmark, runtime) if runtime.track else None
    log.finish("RUNNING")
    log.params({"rows": len(benchmark.rows), "cells": len(benchmark.cells)})
    log.note(f"# {benchmark.title}\n\n{benchmark.note}")
    ours = BenchmarkLog(log)
    status: Status = "FAILED"
    try:
        yield ours
        status = "FINISHED" if ours.succeeded else "FAILED"
    except (KeyboardInterrupt, Stopped):
        status = "KILLED"
        raise
    finally:
        log.finish(status)
        if delivery is not None:
            delivery.close()
            deliver_pending(runtime.runs)


def announced(benchmark: Benchmark, runtime: Runtime) -> Path:
    """The folder of the benchmark's log, which cells name as their parent; nothing is logged."""
    if runtime.track:
        _delivery(benchmark, runtime)
    return make_folder(_folder(benchmark, runtime.runs))


def _delivery(benchmark: Benchmark, runtime: Runtime) -> Delivery:
    folder, name = _folder(benchmark, runtime.runs), f"benchmark {benchmark.name}"
    return Delivery(folder, runtime.experiment, name, runs=runtime.runs)


def is_finished(benchmark: Benchmark, runs: Path) -> bool:
    """Whether the log says that the last call succeeded."""
    entries = read_records(_folder(benchmark, runs))
    ends = [entry["status"] for entry in entries if entry["kind"] == "status"]
    return bool(ends) and ends[-1] == "FINISHED"


def _folder(benchmark: Benchmark, runs: Path) -> Path:
    return runs / f"benchmark-{benchmark.name}"
