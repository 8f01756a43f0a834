"""Labels that teach and score nothing: no object in any of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dagen.datasets.base import Dataset, Label
from dagen.errors import DataError
from dagen.types import IGNORE

_Counts = NDArray[np.int64]


def count(label: Label) -> _Counts:
    """(256,) int64: how many pixels of a label have each id."""
    return np.bincount(label.ravel(), minlength=256)


def fault(dataset: Dataset, pixels: _Counts) -> str | None:
    """What is wrong with the labels of a split as a whole, judged by their pixels of each id.

    Args:
        dataset: the split.
        pixels: (256,) numbers of pixels, summed over labels.

    Returns:
        The rest of a sentence that begins with the split's name; None if there is an object.
    """
    total, ignored = int(pixels.sum()), int(pixels[IGNORE])
    if pixels[dataset.task.foreground.start : IGNORE].any() or not total:
        return None
    hint = f". {dataset.about_ignored}" if dataset.about_ignored else "."
    if ignored == total:
        return f"has no labelled pixel: all are {IGNORE}, which is ignored{hint}"
    share = f"; {100 * ignored / total:.1f} % are {IGNORE}, which is ignored{hint}"
    return f"has no pixel of any class but the background{share if ignored else '.'}"


def require_foreground(dataset: Dataset, what: str) -> None:
    """Refuse to train on labels without any object; reads labels until one has an object.

    Args:
        dataset: a data set with labels.
        what: the data set's name, for the error.

    Raises:
        DataError: no label has a pixel of a class besides the background.
    """
    pixels = np.zeros(256, dtype=np.int64)
    for index in range(len(dataset)):
        pixels += count(dataset.label(index))
        if pixels[dataset.task.foreground.start : IGNORE].any():
            return
    if problem := fault(dataset, pixels):
        raise DataError(f"the split '{dataset.split}' of {what} {problem}")
