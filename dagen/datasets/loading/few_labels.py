"""The choice of labelled images when only a few are used (``target_labels``, ``source_labels``).

The rule uses only what a person has before labelling: file names and the run's seed, but no label,
no image and no other split. The images that have a label are sorted by SHA-256 over
``<seed>/<name>``, and the first N are used. So the choice is the same on every machine, the first
10 are among the first 20, and different seeds label different images, as experiments with few
labels should.

It is not balanced over classes, which would need every image's label. A warning names missing
classes; ``rare_class_sampling`` balances the classes that are present.
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


def choose(
    dataset: Dataset,
    count: int | Literal["all"],
    seed: int,
    title: str,
    setting: str = "target_labels",
) -> Subset:
    """The images of ``dataset`` whose labels may be used; opens none of them.

    Args:
        dataset: the training images.
        count: number of images, at least 1.
        seed: the run's seed.
        title: the data set's name, for errors.
        setting: the setting that says how many, for errors.

    Raises:
        DataError: the data set has no labels.
        UsageError: fewer of its images than ``count`` have a label.
    """
    if not dataset.has_labels:
        raise DataError(f"{setting} is {count}, but {title} has no labels here: add them.")
    labelled = dataset.labelled
    if count == "all":
        return Subset(dataset, labelled)
    if count > len(labelled):
        raise UsageError(
            f"{setting} is {count}; {title} has {len(labelled)} training images with labels: "
            f"give at most {len(labelled)}, or all."
        )

    def place(index: int) -> bytes:
        return hashlib.sha256(f"{seed}/{dataset.name(index)}".encode()).digest()

    return Subset(dataset, sorted(labelled, key=place)[:count])


def warn_of_missing_classes(subset: Subset, title: str) -> None:
    """Warn of classes that no chosen label shows; reads the chosen labels only."""
    seen: set[int] = set()
    for index in range(len(subset)):
        seen.update(int(value) for value in np.unique(subset.label(index)))
    task = subset.task
    missing = [task.classes[value] for value in task.foreground if value not in seen]
    if missing:
        logger.warning(
            "none of the %d labelled images of %s shows %s.",
            len(subset), title, " or ".join(missing),
        )  # fmt: skip
