"""Rows of networks that are scored as they come, such as the teacher that others learn from.

A benchmark names them (``references = ["u2netp"]``). They are not trained, so they have neither
seeds nor a budget; the tables show them below the rows that are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dagen.benchmarking.cells import Benchmark, Cell
from dagen.benchmarking.tables.records import Record
from dagen.datasets.maps.teachers.known import Known, known
from dagen.types import Task

if TYPE_CHECKING:
    from dagen.runs.runtime import Runtime


def missing(benchmark: Benchmark, before: Iterable[Record]) -> list[tuple[Known, Cell]]:
    """The references that have no record yet, each with a cell of the tables that it joins."""
    have = {_key(record) for record in before if record.as_it_comes}
    wanted: dict[tuple[str, str, str | None], tuple[Known, Cell]] = {}
    for name in benchmark.references:
        teacher = known(name)
        for cell in benchmark.cells:
            if cell.config.task == Task.BINARY.name and cell.target is not None:
                key = (_run(teacher), cell.source, cell.target)
                wanted.setdefault(key, (teacher, cell))
    return [one for key, one in wanted.items() if key not in have]


def kept(benchmark: Benchmark, before: Iterable[Record]) -> list[Record]:
    """The records of the references that the benchmark still names."""
    runs = {_run(known(name)) for name in benchmark.references}
    return [record for record in before if record.as_it_comes and record.run in runs]


def measure(wanted: Sequence[tuple[Known, Cell]], runtime: Runtime) -> list[Record]:
    """Score references on the validation images of their tables' data sets.

    Args:
        wanted: see :func:`missing`.
        runtime: where the data sets are.

    Raises:
        DagenError: a teacher's file or a data set is missing or damaged.
    """
    import torch

    from dagen.datasets.loading.opening import open_dataset
    from dagen.engine.classes import meet
    from dagen.scoring.evaluation import evaluate
    from dagen.scoring.false_alarms import false_alarms
    from dagen.scoring.teachers import teacher_predictor
    from dagen.system.device import describe
    from dagen.system.progress import Progress
    from dagen.tracking.recording import commit

    found = []
    with Progress(quiet=runtime.quiet) as progress:
        for teacher, cell in wanted:
            predictor = teacher_predictor(teacher.name)
            assert cell.target is not None
            scores = {}
            for name in (cell.source, cell.target):
                meet(name, predictor.task, runtime.data_root)
                dataset = open_dataset(name, "val", predictor.task, runtime.data_root)
                bar = progress.task(f"{teacher.name} on {name}", len(dataset.labelled))
                scores[name] = evaluate(predictor, dataset, on_image=bar.advance).to_dict()
            empty = cell.config.empty
            macs = teacher.gmac * 1e9
            found.append(
                Record(
                    row=f"{teacher.name} as it comes",
                    model=teacher.name,
                    task=predictor.task.name,
                    seed=0,
                    source=cell.source,
                    target=cell.target,
                    axes={},
                    run=_run(teacher),
                    config={},
                    commit=commit() or "unknown",
                    torch=torch.__version__,
                    hardware=describe(torch.device("cpu")),
                    scores=scores,
                    profile={
                        "parameters": teacher.parameters,
                        "macs": macs,
                        "flops": 2 * macs,
                        "bytes": teacher.bytes,
                    },
                    seconds=0.0,
                    seen=(teacher.data,),
                    false_alarms=None
                    if empty is None
                    else false_alarms(predictor, empty, runtime.data_root, progress),
                )
            )
    return found


def _run(teacher: Known) -> str:
    """In place of a run's name: the teacher and the digest of its file."""
    return f"{teacher.name}-{teacher.sha256[:8]}"


def _key(record: Record) -> tuple[str, str, str | None]:
    return (record.run, record.source, record.target)
