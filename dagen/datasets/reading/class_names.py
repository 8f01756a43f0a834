"""Data sets meet a task by the names of their classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from dagen.datasets.base import Label
from dagen.datasets.reading.paths import folded
from dagen.errors import DataError
from dagen.types import IGNORE, Task

BACKGROUND = "background"
IGNORED = "ignore"


def class_key(name: str) -> str:
    """What names of classes are compared by: any case, any form of accents, no spaces around."""
    return folded(name.strip())


def id_of(name: str, task: Task) -> int:
    """The id in ``task`` of a data set's class, or 255 if it has no counterpart.

    Under ``binary`` every class but the background is waste. Otherwise classes of one name meet, in
    any case of letters and any form of accents.

    Args:
        name: name of a class, ``background``, or ``ignore``.
        task: what is segmented.
    """
    key = class_key(name)
    if key == IGNORED:
        return IGNORE
    if key == BACKGROUND:
        return 0 if task.background else IGNORE
    if task == Task.BINARY:
        return 1
    known = [class_key(each) for each in task.classes]
    return known.index(key) if key in known else IGNORE


def translated(label: Label, names: Sequence[str], task: Task) -> Label:
    """A label (H, W) of a data set's own ids as one of the task's ids; 255 stays ignored."""
    table = np.full(256, IGNORE, np.uint8)
    table[: len(names)] = [id_of(name, task) for name in names]
    return table[label]


def without_counterpart(names: Iterable[str], task: Task) -> list[str]:
    """The classes that ``task`` ignores."""
    return [name for name in names if id_of(name, task) == IGNORE and class_key(name) != IGNORED]


def absent(names: Iterable[str], task: Task) -> frozenset[int]:
    """The foreground classes of ``task`` that none of a data set's classes is; none if it has none.

    Args:
        names: the names under which the data set's classes meet the task.
        task: what is segmented.
    """
    met = {id_of(name, task) for name in names}
    return frozenset(task.foreground) - met if met else frozenset()


def require_common(names: Sequence[str], task: Task, what: str) -> None:
    """Refuse classes of which none is a foreground class of the task.

    Raises:
        DataError: ``what`` and the task have no class in common.
    """
    wanted = [task.classes[i] for i in task.foreground]
    if not any(id_of(name, task) in task.foreground for name in names):
        raise DataError(
            f"{what} has the classes {', '.join(names)}, and none of them is among the classes of "
            f"this task ({', '.join(wanted)}): rename them in the table [map] of its dagen.toml, "
            f'such as "{names[-1]}" = "{wanted[0]}", or choose another --task.'
        )


def on_ground(
    draw: Callable[[Callable[[str], int]], Label], value_of: Callable[[str], int], task: Task
) -> Label:
    """A label drawn object by object; pixels without object are background, or 255 without one.

    Args:
        draw: draws the objects on zeros, given the value of each category.
        value_of: from a category to its class id, or 255.
        task: what is segmented.
    """
    if task.background:
        return draw(value_of)
    # One higher, so that 0 stays free for pixels without object.
    raised = draw(lambda category: min(value_of(category) + 1, IGNORE))
    label: Label = np.where(raised == IGNORE, IGNORE, raised - 1).astype(np.uint8)  # 0 becomes 255
    return label
