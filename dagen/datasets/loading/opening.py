"""Finds and opens data sets: plug-ins by their names, and folders with a ``dagen.toml``."""

from __future__ import annotations

import os
from pathlib import Path

from dagen import plugins
from dagen.datasets.base import Dataset
from dagen.datasets.own import declaration
from dagen.datasets.own.plain import is_plain
from dagen.datasets.reading.files import MissingSplit
from dagen.errors import DataError, UsageError, listed, unknown
from dagen.types import Task

VARIABLE = "DAGEN_DATA"
"""The environment variable that names the folder of all data sets."""


_OWN = "A folder of your own is named by its path, such as ./mybelt."


def is_path(name: str) -> bool:
    """Whether a data set is named by the path of its folder, such as ``./mybelt``."""
    return "/" in name or "\\" in name or name.startswith((".", "~"))


def base_folder(data_root: Path | None) -> Path | None:
    """The folder of all data sets, if one is given here or by the environment."""
    base = data_root or os.environ.get(VARIABLE) or None
    return None if base is None else Path(base).expanduser()


def place(name: str, data_root: Path | None = None) -> Path:
    """The folder of a data set, whether it exists or not.

    Args:
        name: the data set.
        data_root: the folder of all data sets; None is the environment variable ``DAGEN_DATA``.

    Raises:
        UsageError: there is no data set of that name.
        DataError: neither folder is given.
    """
    base = base_folder(data_root)
    if not _is_possible(name):
        raise _no_such(name, None, own_names(base))
    if is_path(name):
        return Path(name).expanduser()
    if name not in plugins.names("datasets"):
        own = own_names(base)
        if base is not None and (name in own or is_plain(base / name)):
            return base / name
        raise _no_such(name, base, own)
    if base is None:
        raise DataError(
            f"where is the data set '{name}'? Set {VARIABLE} or --data-root to the folder that "
            f"holds {name}/, and {how_to_get(name)}."
        )
    return base / name


def check_name(name: str, data_root: Path | None = None) -> None:
    """Refuse the name of a data set that does not exist; see :func:`place`.

    Raises:
        UsageError: there is no data set of that name.
        DataError: a folder of that name is no data set.
    """
    if name not in plugins.names("datasets"):
        place(name, data_root)


def _is_possible(name: str) -> bool:
    """Whether a folder can have the name; the system raises errors about the others."""
    parts = name.replace("\\", "/").split("/")
    return (
        bool(name)
        and "\0" not in name
        and all(len(part.encode(errors="replace")) < 256 for part in parts)
        and len(name.encode(errors="replace")) < 4096
    )


def own_names(base: Path | None) -> list[str]:
    """The folders with a ``dagen.toml`` below ``base``, sorted."""
    if base is None or not base.is_dir():
        return []
    return sorted(path.parent.name for path in base.glob(f"*/{declaration.FILE}"))


def _no_such(name: str, base: Path | None, own: list[str]) -> Exception:
    if base is not None and (base / name).is_dir():
        return DataError(
            f"{base / name} has no {declaration.FILE}: `dagen data new {base / name}` looks at the "
            "folder and writes one."
        )
    found = unknown("data set", name, [*plugins.names("datasets"), *own])
    try:
        here = Path(name).is_dir()
    except (OSError, ValueError):  # no file can have such a name
        here = False
    hint = f"The folder {name} is here: write ./{name}." if here else _OWN
    return UsageError(f"{found} {hint}")


def kind(name: str, data_root: Path | None = None) -> type[Dataset]:
    """The class that reads a data set.

    Raises:
        UsageError: there is no data set of that name.
        DataError: its ``dagen.toml`` is missing or wrong.
    """
    if name in plugins.names("datasets"):
        found: type[Dataset] = plugins.get("datasets", name)
        base = base_folder(data_root)
        declared = base is not None and (base / name / declaration.FILE).is_file()
        if not (found.takes_declaration and declared):
            return found
    folder = place(name, data_root)
    if not folder.is_dir():
        known = [*plugins.names("datasets"), *own_names(base_folder(data_root))]
        raise DataError(
            f"there is no folder {folder}; name an existing folder with a {declaration.FILE} or "
            f"with images, or one of: {', '.join(known)}."
        )
    if is_plain(folder):
        from dagen.datasets.own.plain import PlainFolder

        return PlainFolder
    declared_kind = declaration.read(folder).kind
    if declared_kind == "folder":
        from dagen.datasets.own.masks import OwnFolder

        return OwnFolder
    if declared_kind == "shards":
        from dagen.datasets.own.shards import OwnShards

        return OwnShards
    from dagen.datasets.own.annotations import OwnCoco

    return OwnCoco


def same(one: str, other: str, data_root: Path | None = None) -> bool:
    """Whether two names mean the same data set, by name or by folder."""
    if one == other:
        return True
    folders = [place(name, data_root) for name in (one, other) if kind(name, data_root).on_disk]
    return len(folders) == 2 and folders[0].resolve() == folders[1].resolve()


def declared(name: str, data_root: Path | None = None) -> Task | None:
    """The own classes of a data set, as the task ``classes``; None if it has none.

    Raises:
        UsageError: there is no data set of that name.
        DataError: it is missing, or its declaration is wrong.
    """
    return kind(name, data_root).declares(require(name, data_root))


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
    return root(name, data_root) if kind(name, data_root).on_disk else Path()


def open_dataset(name: str, split: str, task: Task, data_root: Path | None = None) -> Dataset:
    """One split of a data set under one task.

    Args:
        name: a built-in data set, one that another package adds, or a folder with a
            ``dagen.toml`` or with nothing but images: its name below ``data_root``, or its path.
        split: one of the data set's splits.
        task: task under which labels are read.
        data_root: see :func:`root`; procedural data sets need none.

    Raises:
        UsageError: an unknown name or split, or a task that the labels cannot serve.
        DataError: the data set is missing or damaged.
    """
    folder = require(name, data_root)
    return kind(name, data_root)(folder, split, task)


def open_scored(name: str, task: Task, data_root: Path | None = None) -> Dataset:
    """The ``val`` split of a data set, which is scored.

    A data set without labels may have none; its predictions are then shown on ``train``.

    Raises:
        DagenError: see :func:`open_dataset`; a data set with labels has no ``val`` split.
    """
    try:
        return open_dataset(name, "val", task, data_root)
    except MissingSplit:
        found = open_dataset(name, "train", task, data_root)
        if found.has_labels:
            raise
        return found


def require_labels(dataset: Dataset, what: str) -> None:
    """Refuse to train on a split of which some images have no label; opens none.

    Raises:
        DataError: labels are missing; the message names images.
    """
    labelled = {*dataset.labelled}
    if not labelled and not dataset.has_labels:
        raise DataError(
            f"{what} has no labels in its split '{dataset.split}', and a source needs one for each "
            "image: add them, or give it as the target (--tgt)."
        )
    bare = [dataset.name(index) for index in range(len(dataset)) if index not in labelled]
    if labelled and bare:
        raise DataError(
            f"{len(bare)} of the {len(dataset)} images of the split '{dataset.split}' of {what} "
            f"have no label ({listed(bare)}), and a source needs a label for each: restore them, "
            "or leave these images out."
        )


def require_images(dataset: Dataset, what: str) -> None:
    """Refuse a split without images.

    Raises:
        DataError: ``dataset`` is empty.
    """
    if len(dataset) == 0:
        raise DataError(f"{what} has no image in its {dataset.split} split.")
