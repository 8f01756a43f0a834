"""The choice of pixels for the map: equally many of every class and domain, from many images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def evenly(count: int, most: int | None) -> list[int]:
    """At most ``most`` of the indices below ``count``, spread over all of them; None is all."""
    if most is None or count <= most:
        return list(range(count))
    return [round(place) for place in np.linspace(0, count - 1, most).tolist()]


def on_grid(label: NDArray[np.uint8], grid: tuple[int, int]) -> NDArray[np.uint8]:
    """The label at the centres of ``grid`` (h, w) cells, one for each feature vector.

    Args:
        label: (H, W) uint8.
        grid: rows and columns of the feature map.
    """
    rows, columns = (places(n, size) for n, size in zip(grid, label.shape, strict=True))
    return label[np.ix_(rows, columns)]


def places(cells: int, pixels: int) -> Ints:
    """The pixel below the centre of each of ``cells`` equal parts of ``pixels``."""
    return ((np.arange(cells) + 0.5) / cells * pixels).astype(np.int64)


def spread(available: Ints, quota: int, draw: np.random.Generator) -> Ints:
    """How many pixels to take from each image, as evenly as possible.

    Args:
        available: (images,) number of pixels in each.
        quota: number of pixels in all; if there are fewer, all are taken.
        draw: decides which images give the remainder.

    Returns:
        (images,) numbers of at most ``available``, with the sum min(quota, sum of ``available``).
    """
    taken = np.zeros_like(available)
    order = draw.permutation(len(available))
    while (left := quota - int(taken.sum())) > 0:
        open_ = order[available[order] > taken[order]]
        if not len(open_):
            break
        share = left // len(open_)
        chosen = open_ if share else open_[:left]
        taken[chosen] = np.minimum(available[chosen], taken[chosen] + max(1, share))
    return taken


def balanced(
    labels: Sequence[NDArray[np.uint8]], num_classes: int, quota: int, seed: Sequence[int]
) -> Ints:
    """Cells of one domain, ``quota`` of every class.

    Args:
        labels: label of each image, (h, w) uint8 on its feature grid; 255 is never drawn.
        num_classes: number of classes, background included.
        quota: number of cells of each class; a class with fewer gives all of them.
        seed: seed of the draw.

    Returns:
        (N, 4) int64 rows of image, row, column and class, in random order within a class.
    """
    found: list[Ints] = []
    for class_ in range(num_classes):
        draw = np.random.default_rng([*seed, class_])
        available = np.array([(label == class_).sum() for label in labels], np.int64)
        cells = []
        for image, count in enumerate(spread(available, quota, draw).tolist()):
            if count:
                spots = np.argwhere(labels[image] == class_)
                spots = spots[draw.choice(len(spots), count, replace=False)]
                ends = np.full((count, 1), image), np.full((count, 1), class_)
                cells.append(np.hstack([ends[0], spots, ends[1]]))
        if cells:
            found.append(draw.permutation(np.concatenate(cells)))
    return np.concatenate(found) if found else np.empty((0, 4), np.int64)


def regardless(labels: Sequence[NDArray[np.uint8]], count: int, seed: Sequence[int]) -> Ints:
    """Cells of one domain, drawn from all of its images whatever their class is.

    Args:
        labels: label of each image, (h, w) uint8 on its feature grid.
        count: number of cells; if there are fewer, all are drawn.
        seed: seed of the draw.

    Returns:
        (N, 4) int64 rows of image, row, column and class, in random order.
    """
    cells = balanced([np.zeros_like(label) for label in labels], 1, count, seed)
    for cell in cells:
        cell[3] = labels[cell[0]][cell[1], cell[2]]
    return cells


def matched(domain: NDArray[np.uint8], label: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """A mask (N,) of points such that both domains have equally many of every class.

    A distance between domains then does not measure class frequencies. If one domain has more
    points of a class, the first in order are kept (:func:`balanced` shuffles within a class).
    """
    kept = np.zeros(len(label), bool)
    for class_ in np.unique(label):
        both = [np.flatnonzero((label == class_) & (domain == d)) for d in (0, 1)]
        least = min(map(len, both))
        for cells in both:
            kept[cells[:least]] = True
    return kept
