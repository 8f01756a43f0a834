"""The data that a run has seen: the same command on other data is not taken for the same run.

A run's name says which data sets it uses, not what is in them. Its folder keeps a signature of each
split (``Dataset.signature``: names and sizes of files, and the declaration) and a digest of its
labels. Other images to learn from are refused; other images or labels to score on are scored.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagen.datasets.loading.empty import open_empty
from dagen.datasets.loading.opening import open_dataset, open_scored
from dagen.engine.classes import data_names
from dagen.errors import DagenError, UsageError
from dagen.runs import results
from dagen.runs.plan import Plan
from dagen.system.sealing import read_record, write_record

FILE = "data.json"
"""The signatures of a run's data, in the run's folder."""

Signatures = Mapping[str, Mapping[str, str]]
"""By role (``train`` or ``val``, and their labels) and data set, the signature of its split."""

logger = logging.getLogger("dagen")


def signatures(plan: Plan, data_root: Path | None, *, training: bool = True) -> Signatures:
    """The signatures of the data that a run learns from and is scored on.

    The labels of a target's training images belong to it only if the run may use them.

    Args:
        plan: plan of the run.
        data_root: the folder of all data sets.
        training: whether it learns from anything; a checkpoint that is only scored does not.

    Raises:
        DagenError: a data set is missing or damaged.
    """
    config = plan.config
    sources = {config.src, *config.extra_src} if plan.reads_source else set()
    learnt = {name: True for name in data_names(plan, data_root) if name in sources}
    if plan.trained_on & {"target"}:
        if config.tgt is not None:
            learnt[config.tgt] = learnt.get(config.tgt, False) or bool(config.target_labels)
        every = [name for names in plan.unlabelled for name in names]
        learnt |= {name: False for name in every if name not in learnt}

    if (pasting := plan.parts.pasting) is not None and pasting.empty is not None:
        learnt.setdefault(pasting.empty, False)

    trained = {
        name: open_dataset(name, "train", plan.task, data_root)
        for name in (learnt if training else ())
    }
    scored = {name: open_scored(name, plan.task, data_root) for name in plan.scored}
    measured = {name: dataset.signature(True) for name, dataset in scored.items()}
    if config.empty is not None:
        scenes = open_empty(config.empty, "val", plan.task, data_root)
        measured[config.empty] = scenes.signature(False)
    return {
        "train": {name: each.signature(learnt[name]) for name, each in trained.items()},
        "val": measured,
        "train labels": {n: each.label_digest() for n, each in trained.items() if learnt[n]},
        "val labels": {name: dataset.label_digest() for name, dataset in scored.items()},
    }


def scores_hold(folder: Path, plan: Plan, data_root: Path | None, *, training: bool = True) -> bool:
    """Whether the scores in a run's folder are of the data that is there now.

    Data that cannot be opened now is not compared: what was finished can be read without it. So is
    a run of a version that kept no signatures.

    Raises:
        UsageError: the run learnt from other images or labels.
        DagenError: its file of them is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return True
    before = _read(path)
    try:
        now = signatures(plan, data_root, training=training)
    except DagenError:
        return True
    if others := _changed(before, now, "train"):
        raise UsageError(
            f"the run {folder.name} learnt from other data: the training images or labels of "
            f"{', '.join(others)} have changed since. Run it again with --fresh, or keep the old "
            "result by giving another folder with --runs."
        )
    others = _changed(before, now, "val")
    if others and (folder / results.FILE).is_file():
        logger.warning(
            "the images or labels of %s val have changed since %s was scored; it is scored again.",
            ", ".join(others),
            folder.name,
        )
    return not others


def settle_data(folder: Path, plan: Plan, data_root: Path | None, *, training: bool = True) -> None:
    """Keep the signatures of a run that begins, or whose scores do not hold any more.

    An old result goes first, so that a kill in between leaves none that does not fit.

    Args:
        folder: the run's folder; it exists.
        plan: plan of the run.
        data_root: the folder of all data sets.
        training: see :func:`signatures`.
    """
    now = signatures(plan, data_root, training=training)
    path = folder / FILE
    if path.is_file() and _read(path) == now:
        return
    if path.is_file():
        (folder / results.FILE).unlink(missing_ok=True)
    write_record(path, now)


def _read(path: Path) -> Signatures:
    def parse(values: Mapping[str, Any]) -> Signatures:
        known = {role: dict(values[role]) for role in ("train", "val")}
        # The first versions of this file did not look into labels.
        return known | {role: dict(values.get(role, {})) for role in ("train labels", "val labels")}

    return read_record(path, "the images and labels", parse)


def _changed(before: Signatures, now: Signatures, role: str) -> list[str]:
    labels = before[f"{role} labels"]
    return [
        name
        for name, one in now[role].items()
        if before[role].get(name) != one
        or labels.get(name) not in (None, now[f"{role} labels"].get(name))
    ]
