"""The images at which an exported file is compared with PyTorch: real ones where there are any."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from dagen.datasets.loading.opening import open_dataset
from dagen.datasets.reading.images import read_image
from dagen.datasets.reading.paths import list_images
from dagen.errors import DagenError, UsageError
from dagen.models.deployed.card import Card
from dagen.types import Image

logger = logging.getLogger("dagen")
_COUNT = 4
_T = TypeVar("_T")


class Pictures(NamedTuple):
    """Images, and what they are in a few words."""

    images: list[Image]
    told: str


def pictures(card: Card, folder: Path | None, data_root: Path | None) -> Pictures:
    """Four images, spread evenly over a folder or over a data set of the run.

    Args:
        card: the network's card, whose run names data sets.
        folder: a folder of images; None takes the training images of the run's target or source.
            Without any, generated images are used.
        data_root: folder of all data sets; None is ``$DAGEN_DATA``.

    Raises:
        UsageError: ``folder`` has no image.
        DataError: an image cannot be read.
    """
    if folder is not None:
        names = list_images(folder) if folder.is_dir() else []
        if not names:
            raise UsageError(f"{folder} is no folder with images; give one, or omit it.")
        return Pictures([read_image(folder / name) for name in _spread(names)], f"of {folder.name}")
    for name in data_of(card.run):
        try:
            dataset = open_dataset(name, "train", card.kind, data_root)
            chosen = _spread(range(len(dataset)))
            if chosen:
                return Pictures([dataset.image(i) for i in chosen], f"of {name} train")
        except DagenError:  # its images are not on this machine
            continue
    return Pictures([_generated(seed, card.size) for seed in range(_COUNT)], "generated")


def data_of(run: dict[str, Any]) -> tuple[str, ...]:
    """The data sets that a run trained with, the target first; none without a run."""
    extra = (*run.get("extra_src", ()), *run.get("extra_tgt", ()))
    named = [run.get("tgt"), run.get("src"), *extra]
    return tuple(dict.fromkeys(name for name in named if isinstance(name, str)))


def _spread(items: Sequence[_T]) -> list[_T]:
    count = min(_COUNT, len(items))
    return [items[i * len(items) // count] for i in range(count)]


def _generated(seed: int, size: tuple[int, int]) -> Image:
    """Patches of colours with noise: flat parts, edges and detail."""
    draw = np.random.default_rng(seed)
    small = draw.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = np.kron(small, np.ones((size[0] // 6 + 1, size[1] // 8 + 1, 1)))[: size[0], : size[1]]
    noisy = image + draw.normal(0, 12, image.shape)
    return noisy.clip(0, 255).astype(np.uint8)
