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
from collections.abc import Sequence
from typing import Literal

import numpy as np

from dagen.datasets.base import Dataset, Image, Label
from dagen.errors import DataError, UsageError

logger = logging.getLogger("dagen")


class Subset(Dataset):
    """Some images of a data set; the labels of the others are out of reach."""

    def __init__(self, dataset: Dataset, chosen: Sequence[int]) -> None:
        """Take up ``chosen``, positions in ``dataset``."""
        super().__init__(dataset.root, dataset.split, dataset.task)
        self.dataset = dataset
        self.chosen = tuple(chosen)

    def __len__(self) -> int:
        return len(self.chosen)

    def name(self, index: int) -> str:
        """The data set's name of the image."""
        return self.dataset.name(self.chosen[index])

    def image(self, index: int) -> Image:
        """The data set's image."""
        return self.dataset.image(self.chosen[index])

    def label(self, index: int) -> Label:
        """The data set's label."""
        return self.dataset.label(self.chosen[index])

    @property
    def has_labels(self) -> bool:
        """Whether labels can be read."""
        return self.dataset.has_labels

    def image_key(self, index: int) -> str:
        """The data set's key of the image."""
        return self.dataset.image_key(self.chosen[index])

    def label_key(self, index: int) -> str | None:
        """The data set's key of the label."""
        return self.dataset.label_key(self.chosen[index])

    def fingerprint(self) -> str:
        """SHA-256 (hex) over the data set's own and the names of the chosen images."""
        names = [self.name(index) for index in range(len(self))]
        return hashlib.sha256("\n".join([self.dataset.fingerprint(), *names]).encode()).hexdigest()


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
