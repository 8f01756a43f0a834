"""Pictures of what networks predict, beside the truth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dagen.datasets.base import Dataset
from dagen.models.deployed.file import load_deployed
from dagen.scoring.evaluation import probabilities
from dagen.scoring.sheets import sheet

_ROWS = 6


def draw(dataset: Dataset, models: Mapping[str, Path], path: Path, caption: str) -> Path:
    """A sheet of images spread over the data set: image, truth, then each network's prediction.

    Args:
        dataset: with labels.
        models: deployed files by column title.
        path: the PNG file to write.
        caption: what was run, on which data, with which seed.

    Returns:
        ``path``.
    """
    networks = {title: load_deployed(file) for title, file in models.items()}
    chosen = np.linspace(0, len(dataset) - 1, min(_ROWS, len(dataset))).round().astype(int)
    rows = []
    for index in chosen.tolist():
        image, label = dataset.image(index), dataset.label(index)
        columns = [label]
        for network, card in networks.values():
            found = probabilities(network, image, card.size).argmax(0)
            columns.append(found.numpy().astype(np.uint8))
        rows.append((image, columns))
    titles = ["image", "truth", *networks]
    sheet(rows, titles, caption, path, dataset.task.classes)
    return path
