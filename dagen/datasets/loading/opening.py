"""Finds and opens data sets."""

from __future__ import annotations

import os
from pathlib import Path

from dagen import plugins
from dagen.datasets.base import Dataset
from dagen.errors import DataError
from dagen.types import Task

VARIABLE = "DAGEN_DATA"
"""The environment variable that names the folder of all data sets."""


def place(name: str, data_root: Path | None = None) -> Path:
    """The folder of a data set, whether it exists or not.

    Args:
        name: the data set.
        data_root: the folder of all data sets; None is the environment variable ``DAGEN_DATA``.

    Raises:
        UsageError: there is no data set of that name.
        DataError: neither folder is given.
    """
    plugins.get("datasets", name)
    base = data_root or os.environ.get(VARIABLE) or None
    if base is None:
        raise DataError(
            f"where is the data set '{name}'? Set {VARIABLE} or --data-root to the folder that "
            f"holds {name}/, and {how_to_get(name)}."
        )
    return Path(base).expanduser() / name


def how_to_get(name: str) -> str:
    """How to get a data set, as a phrase: the command that downloads it, if there is one.

    Raises:
        UsageError: there is no data set of that name.
    """
    found: type[Dataset] = plugins.get("datasets", name)
    return found.how_to_get if found.Download is None else f"run `dagen data get {name}`"


def root(name: str, data_root: Path | None = None) -> Path:
    """The folder of an existing data set; see :func:`place`.

    Raises:
        UsageError: there is no data set of that name.
        DataError: no folder of data sets is given, or there is no folder ``name`` below it.
    """
    folder = place(name, data_root)
    if not folder.is_dir():
        raise DataError(
            f"the data set '{name}' is not at {folder}: {how_to_get(name)}, or set {VARIABLE} or "
            f"--data-root to the folder that holds {name}/."
        )
    return folder


def require(name: str, data_root: Path | None = None) -> Path:
    """The folder of an existing data set; procedural data sets need none.

    Raises:
        UsageError: there is no data set of that name.
        DataError: see :func:`root`.
    """
    return root(name, data_root) if plugins.get("datasets", name).on_disk else Path()


def open_dataset(name: str, split: str, task: Task, data_root: Path | None = None) -> Dataset:
    """One split of a data set under one task.

    Args:
        name: a built-in data set, or one that another package adds.
        split: one of the data set's splits.
        task: task under which labels are read.
        data_root: see :func:`root`; procedural data sets need none.

    Raises:
        UsageError: an unknown name or split, or a task that the labels cannot serve.
        DataError: the data set is missing or damaged.
    """
    folder = require(name, data_root)
    dataset: Dataset = plugins.get("datasets", name)(folder, split, task)
    return dataset


def require_images(dataset: Dataset, what: str) -> None:
    """Refuse a split without images.

    Raises:
        DataError: ``dataset`` is empty.
    """
    if len(dataset) == 0:
        raise DataError(f"{what} has no image in its {dataset.split} split.")
