"""Examples of names: regions of labelled images, by themselves, in changed colours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dagen.datasets.base import Dataset
from dagen.datasets.maps.teachers.regions import greyed, picture, regions_of
from dagen.types import Image, Pixels, Task

MOST = 300
"""Examples of a class at most; further ones would show the same belt."""
_LEAST = 3e-3
"""Share of an image that an example has at least; labels of less are mostly crumbs."""
_LOW, _HIGH = 0.6, 1.4
"""Range of the factors of contrast and brightness."""
_GAIN = 0.3
"""Largest change of a channel's factor."""
_GREY = 0.15
"""Share of the examples without colours."""
_BLURRED, _BLUR = 0.3, (0.5, 2.5)
"""Share of the blurred examples, and the range of the standard deviation in pixels."""


@dataclass(frozen=True)
class Example:
    """A region of a known class, as :func:`~dagen.datasets.maps.teachers.regions.picture` shows it.

    Attributes:
        image: (side, side, 3) uint8.
        mask: (side, side) uint8.
        name: its class.
    """

    image: Image
    mask: Pixels
    name: int


def examples(sources: Sequence[Dataset], task: Task, side: int) -> list[Example]:
    """Regions of the sources' labels, in a fixed random order of the images.

    Args:
        sources: data sets with labels.
        task: what is segmented; its background is no example.
        side: side of the pictures in pixels.

    Raises:
        DataError: an image or a label is missing or damaged.
    """
    draw = np.random.default_rng(0)
    counts: Counter[int] = Counter()
    found = []
    places = [(data, index) for data in sources for index in range(len(data))]
    for place in draw.permutation(len(places)):
        if all(counts[name] >= MOST for name in task.foreground):
            break
        for one in _of_image(*places[int(place)], task, side, counts):
            found.append(_changed(one, draw))
    return found


def _of_image(
    data: Dataset, index: int, task: Task, side: int, counts: Counter[int]
) -> Iterator[Example]:
    label = data.label(index)
    image: Image | None = None
    for name in task.foreground:
        for region in regions_of(label == name, _LEAST):
            if counts[name] >= MOST:
                break
            image = data.image(index) if image is None else image
            counts[name] += 1
            yield Example(*picture(image, region, side), name)


def _changed(one: Example, draw: np.random.Generator) -> Example:
    """An example in other colours, mirrored and turned by right angles: no belt has all lights."""
    values = one.image.astype(np.float64) * draw.uniform(1 - _GAIN, 1 + _GAIN, 3)
    contrast, brightness = draw.uniform(_LOW, _HIGH, 2)
    values = ((values - values.mean()) * contrast + values.mean()) * brightness
    if draw.random() < _GREY:
        values = np.repeat(values.mean(2, keepdims=True), 3, 2)
    if draw.random() < _BLURRED:
        sigma = float(draw.uniform(*_BLUR))
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), np.float64)
    mirrored, turns = bool(draw.random() < 0.5), int(draw.integers(4))

    def moved(array: Pixels) -> Pixels:
        array = array[:, ::-1] if mirrored else array
        return np.ascontiguousarray(np.rot90(array, turns))

    return Example(moved(greyed(values, one.mask)), moved(one.mask), one.name)


def names_of(found: Sequence[Example]) -> NDArray[np.intp]:
    """(N,) the classes."""
    return np.array([one.name for one in found], np.intp)
