"""Sheets of images with their labels and the predictions of networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dagen.datasets.base import Dataset
from dagen.scoring.predictor import Predictor, mask
from dagen.scoring.sheets import sheet

_ROWS = 6


def draw(dataset: Dataset, predictors: Mapping[str, Predictor], path: Path, caption: str) -> Path:
    """A sheet of images spread over the data set: image, truth if known, each predictor's output.

    Args:
        dataset: a data set, with labels or without; if some images have labels, these are shown.
        predictors: predictors of the data set's task, by column title.
        path: the PNG file to write.
        caption: what was run, on which data, with which seed.

    Returns:
        ``path``.
    """
    shown = dataset.labelled or range(len(dataset))
    spread = np.linspace(0, len(shown) - 1, min(_ROWS, len(shown))).round().astype(int)
    rows = []
    for index in [shown[place] for place in spread.tolist()]:
        image = dataset.image(index)
        truth = [dataset.label(index)] if dataset.has_labels else []
        rows.append((image, [*truth, *(mask(predict(image)) for predict in predictors.values())]))
    titles = ["image", *(["truth"] if dataset.has_labels else []), *predictors]
    sheet(rows, titles, caption, path, dataset.task)
    return path
