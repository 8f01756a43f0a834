"""The classes that a run learns: met by its data sets, and kept beside its files."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path

from dagen.datasets.loading import opening
from dagen.datasets.own.classes import TooManyClasses
from dagen.datasets.own.declaration import FILE as DECLARATION
from dagen.datasets.reading.class_names import absent, id_of, require_common, without_counterpart
from dagen.errors import DagenError, DataError, UsageError
from dagen.runs.plan import Plan
from dagen.runs.resolved import Classes
from dagen.system.sealing import read_record, write_record
from dagen.types import IGNORE, Task

FILE = "classes.json"
"""The classes of a run of the task ``classes``, in the run's folder."""

logger = logging.getLogger("dagen")


def check_classes(plan: Plan, data_root: Path | None) -> None:
    """Check that the data sets of a run have classes of its task, and say what is ignored.

    Raises:
        DataError: a data set has no class of the task, or no background where ``binary`` needs one.
        UsageError: source and target are the same images.
    """
    config = plan.config
    names = data_names(plan, data_root)
    if (
        config.tgt is not None
        and config.src in names
        and opening.same(config.src, config.tgt, data_root)
    ):
        raise UsageError(
            f"source and target are the same images ({config.src}); name another target, or train "
            f"on {config.src} alone with `dagen train`."
        )
    for name in names:
        meet(name, plan.task, data_root)


def resolve(plan: Plan, data_root: Path | None) -> Classes:
    """The classes of a run, and what each of its data sets calls them.

    Raises:
        DataError: a file that names classes is missing or damaged.
    """
    task = plan.task
    data: dict[str, dict[str, str | None]] = {}
    for name in data_names(plan, data_root):
        kind = opening.kind(name, data_root)
        found = kind.meanings(opening.require(name, data_root), task)
        met = {own: id_of(meant, task) for own, meant in found.items()}
        data[name] = {
            own: None if value == IGNORE else task.classes[value] for own, value in met.items()
        }
    return Classes(task.classes, task.background, data)


def data_names(plan: Plan, data_root: Path | None) -> list[str]:
    """The data sets of a run, the source first; a source-free run may lack its source."""
    config = plan.config
    others = (config.tgt, *config.score, *config.extra_src)
    first: tuple[str, ...] = (config.src,)
    if not plan.reads_source and config.src not in others:
        try:
            opening.declared(config.src, data_root)
        except DagenError:
            first = ()
    return [*dict.fromkeys(name for name in (*first, *others) if name)]


def meet(name: str, task: Task, data_root: Path | None) -> None:
    """Check that a data set has classes of a task, and say once which are ignored.

    Raises:
        DataError: it has no class of the task, or no background where ``binary`` needs one.
    """
    try:
        own = opening.declared(name, data_root)
    except TooManyClasses:  # too many for a task of their own; those of this task count
        return
    if own is None:
        return
    if task == Task.BINARY and not own.background:
        raise DataError(
            f"{name} has no background, which the task 'binary' needs: say in its {DECLARATION} "
            f'which class it is, such as background = "{own.classes[0]}", or run the task '
            "'classes'."
        )
    require_common(own.classes, task, name)
    if ignored := without_counterpart(own.classes, task):
        _say(
            f"{name}: {', '.join(ignored)} has no counterpart among the classes of this run "
            f"({', '.join(task.classes)}) and is ignored; [map] in its {DECLARATION} can rename it."
        )

    if lacking := absent(own.classes, task):
        classes = ", ".join(task.classes[value] for value in sorted(lacking))
        _say(f"{name} has no class {classes}; its scores leave that out.")


@cache
def _say(message: str) -> None:
    """Warn, but once in a process: several runs of one command ignore the same classes."""
    logger.warning("%s", message)


def settle_classes(folder: Path, task: Task) -> None:
    """Keep the classes of a run of own classes, and refuse others in the same folder.

    Args:
        folder: the run's folder; it exists.
        task: what the run segments now.

    Raises:
        UsageError: the run began with other classes, because a declaration was changed since.
    """
    check_settled(folder, task)
    if task.name == "classes" and not (folder / FILE).is_file():
        values = {"classes": list(task.classes), "background": task.background}
        write_record(folder / FILE, values)


def check_settled(folder: Path, task: Task) -> None:
    """Refuse a run that began with other classes; see :func:`settle_classes`.

    Raises:
        UsageError: it did.
        DagenError: the file of its classes is damaged.
    """
    path = folder / FILE
    if task.name != "classes" or not path.is_file():
        return
    known = read_record(
        path, "the classes", lambda values: (tuple(values["classes"]), bool(values["background"]))
    )
    if known != (task.classes, task.background):
        raise UsageError(
            f"the run {folder.name} began with the classes {', '.join(known[0])}, and the source "
            f"now declares {', '.join(task.classes)}: run it again with --fresh."
        )
