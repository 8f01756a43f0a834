"""Scenes without objects: some to train with, the others to count false alarms on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from dagen.datasets.base import Label
from dagen.datasets.loading.opening import open_dataset
from dagen.datasets.loading.wrappers import Subset
from dagen.datasets.reading.files import MissingSplit
from dagen.types import Task


class EmptyScenes(Subset):
    """Images that show the background alone; no label file of theirs is read."""

    @property
    def has_labels(self) -> bool:
        """True: that they are empty is their label."""
        return True

    @property
    def labelled(self) -> Sequence[int]:
        """All positions."""
        return range(len(self))

    def label(self, index: int) -> Label:
        """(H, W) uint8, all background."""
        return np.zeros(self.image(index).shape[:2], np.uint8)

    def label_key(self, index: int) -> str | None:
        """The image's own key."""
        return self.image_key(index)


def open_empty(
    name: str, split: Literal["train", "val"], task: Task, data_root: Path | None = None
) -> EmptyScenes:
    """One split of a data set of empty scenes.

    A data set without a ``val`` split is halved, by a draw that depends on the images' names
    alone: networks are never measured on scenes that others may have trained with.

    Args:
        name: the data set.
        split: ``train``, or ``val`` for the scenes on which false alarms are counted.
        task: what is segmented; it has a background.
        data_root: see :func:`dagen.datasets.loading.opening.open_dataset`.

    Raises:
        DagenError: the data set is missing or damaged.
    """
    try:
        open_dataset(name, "val", task, data_root)
    except MissingSplit:
        whole = open_dataset(name, "train", task, data_root)
        drawn = sorted(range(len(whole)), key=lambda i: _draw(whole.name(i)))
        half = (len(whole) + 1) // 2
        return EmptyScenes(whole, sorted(drawn[:half] if split == "val" else drawn[half:]))
    own = open_dataset(name, split, task, data_root)
    return EmptyScenes(own, range(len(own)))


def _draw(name: str) -> bytes:
    return hashlib.blake2b(name.encode()).digest()
