"""Rare-class sampling: labelled images are drawn by class (DAFormer, Hoyer et al., CVPR 2022).

A class is drawn with probability

    P(c) = softmax over c of (1 - f_c) / T,    f_c = the share of the pixels that are of class c,

then one of the images that show enough of it, all equally likely; the crop is drawn again, up to
ten times, until it shows enough of it too.

Deviations. *Enough* is 3000 pixels in the paper's images and half of that in its crops of
512x512, where objects are cars; half of TACO's objects have less than 177 pixels at 224x448. Here
it is 0.15 % of the crop's area, 150 pixels at 224x448, in the crop and, for the choice of an image,
at the scale of the unmagnified crop. A class without an image that shows enough is left out of the
softmax. If ten crops all show too little, the fullest is taken, not the last. Shares are counted on
the labels in the decode cache, at the scale of the unmagnified crop and without ignored pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagen.datasets.base import Dataset
from dagen.datasets.loading.cache import CachedDataset
from dagen.datasets.loading.transforms import Window
from dagen.datasets.loading.wrappers import Subset
from dagen.errors import DataError
from dagen.types import IGNORE, Label

ENOUGH = 0.0015
"""Share of a crop's pixels that must be of the drawn class."""
ATTEMPTS = 10
"""Number of crops that are tried for one sample."""


@dataclass(frozen=True)
class RareClasses:
    """How one labelled data set is sampled.

    Attributes:
        probability: (C,) float64, probability of each class.
        images: for each class, the positions of the images that show enough of it.
        enough: number of pixels of the drawn class that a crop should show.
    """

    probability: NDArray[np.float64]
    images: tuple[NDArray[np.int64], ...]
    enough: int

    def draw(self, draw: np.random.Generator) -> tuple[int, int]:
        """A class and the position of an image that shows it."""
        drawn = int(draw.choice(len(self.probability), p=self.probability))
        found = self.images[drawn]
        return drawn, int(found[draw.integers(len(found))])

    def window(
        self,
        label: Label,
        drawn: int,
        how: tuple[tuple[int, int], float],
        draws: Callable[[int], np.random.Generator],
    ) -> tuple[Window, Label, np.random.Generator]:
        """The first window that shows enough of class ``drawn``, or the fullest one.

        Args:
            label: (H, W) uint8, whole.
            drawn: the class.
            how: size and zoom, as in :meth:`dagen.datasets.loading.transforms.Window.draw`.
            draws: makes the generator of each attempt, from 0.

        Returns:
            The window, the label in it, and the generator of that attempt, for later draws.
        """
        best, most = None, -1
        for attempt in range(ATTEMPTS):
            draw = draws(attempt)
            window = Window.draw(label.shape, *how, draw)
            ids = window.label(label)
            pixels = int((ids == drawn).sum())
            if pixels > most:
                best, most = (window, ids, draw), pixels
            if pixels >= self.enough:
                break
        assert best is not None
        return best


def rare_classes(
    dataset: Dataset, temperature: float, size: tuple[int, int], title: str
) -> RareClasses:
    """The sampling of a labelled data set; every label is read once, or taken from the cache.

    Args:
        dataset: images with labels.
        temperature: T. The paper's 0.01 is chosen for 19 classes of which most have below 1 % of
            the pixels: it draws a class 7 times as often as one 2 points more frequent. On the
            small benchmark's belt, materials of 2 to 5 %, 0.01 gives aluminium 72 % of the draws
            and bottles 2; 0.05 gives them 35 and 17.
        size: (H, W) of the crop in pixels.
        title: the data set's name, for errors.

    Raises:
        DataError: no image shows enough of any class.
    """
    pixels = class_pixels(dataset, size)
    enough = max(1, round(ENOUGH * size[0] * size[1]))
    images = tuple(np.flatnonzero(column >= enough) for column in pixels.T)
    there = np.array([len(found) > 0 for found in images])
    if not there.any():
        raise DataError(f"{title}: no label shows {enough} pixels of any class; check the labels.")
    share = pixels.sum(0) / pixels.sum()
    score = np.where(there, (1 - share) / temperature, -np.inf)
    weight = np.exp(score - score.max())
    return RareClasses(weight / weight.sum(), images, enough)


def class_pixels(dataset: Dataset, size: tuple[int, int]) -> NDArray[np.float64]:
    """Pixels of each class in each image at the scale of an unmagnified crop, (images, C).

    Kept in the data set's decode cache, if it has one and its labels have keys.
    """
    key, base = _key(dataset), dataset.dataset if isinstance(dataset, Subset) else dataset
    if key is None or not isinstance(base, CachedDataset):
        return _count(dataset, size)
    return base.cache.get(
        f"class pixels, float64|{size}|{base.limit}|{dataset.task.key}|{key}",
        lambda: _count(dataset, size),
    )


def _key(dataset: Dataset) -> str | None:
    total = hashlib.sha256()
    for index in range(len(dataset)):
        key = dataset.label_key(index)
        if key is None:
            return None
        total.update(f"{key}\0".encode())
    return total.hexdigest()


def _count(dataset: Dataset, size: tuple[int, int]) -> NDArray[np.float64]:
    classes = dataset.task.num_classes
    rows = []
    for index in range(len(dataset)):
        label = dataset.label(index)
        scale = max(size[0] / label.shape[0], size[1] / label.shape[1])
        counts = np.bincount(label.ravel(), minlength=IGNORE + 1)[:classes]
        rows.append(counts * scale**2)
    return np.array(rows, np.float64).reshape(len(dataset), classes)
