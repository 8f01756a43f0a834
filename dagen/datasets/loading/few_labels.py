"""Which target photographs are labelled when only a few are (``target_labels``).

The rule is the one under which a person could have labelled them: it knows file names and the
run's seed, and looks into no label, no image and no other split. The photographs are put in the
order of SHA-256 over ``<seed>/<name>``, and the first N are labelled. So the choice is the same
on every machine, the first 10 are among the first 20, and seeds differ in what is labelled, as
experiments with few labels should.

It is not balanced over classes: that would take every photograph's label. What it lacks is
said in a warning; ``rare_class_sampling`` balances what is there.
"""

from __future__ import annotations

import hashlib
import logging
from typing import Literal

import numpy as np

from dagen.datasets.base import Dataset
from dagen.datasets.loading.wrappers import Subset
from dagen.errors import DataError, UsageError

logger = logging.getLogger("dagen")


def choose(dataset: Dataset, count: int | Literal["all"], seed: int, title: str) -> Subset:
    """The images of ``dataset`` whose labels may be used; opens none of them.

    Args:
        dataset: the target's training images.
        count: how many, at least 1.
        seed: the run's.
        title: the data set's name, for errors.

    Raises:
        DataError: the data set has no labels.
        UsageError: it has fewer images than ``count``.
    """
    if not dataset.has_labels:
        raise DataError(f"target_labels is {count}, but {title} has no labels here: add them.")
    if count == "all":
        return Subset(dataset, range(len(dataset)))
    if count > len(dataset):
        raise UsageError(
            f"target_labels is {count}; {title} has {len(dataset)} training images: give at most "
            f"{len(dataset)}, or all."
        )

    def place(index: int) -> bytes:
        return hashlib.sha256(f"{seed}/{dataset.name(index)}".encode()).digest()

    return Subset(dataset, sorted(range(len(dataset)), key=place)[:count])


def warn_of_missing_classes(subset: Subset, title: str) -> None:
    """Say which classes no chosen label shows; reads the chosen labels only."""
    seen: set[int] = set()
    for index in range(len(subset)):
        seen.update(int(value) for value in np.unique(subset.label(index)))
    classes = enumerate(subset.task.classes)
    missing = [name for value, name in classes if value and value not in seen]
    if missing:
        logger.warning(
            "none of the %d labelled images of %s shows %s.",
            len(subset), title, " or ".join(missing),
        )  # fmt: skip
