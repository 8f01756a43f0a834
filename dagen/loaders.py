"""Data sets to batches, by counters instead of by state.

Which image stands at position k of a run, and every random draw for it, follow from
(seed, domain, k) alone. So the number of workers changes nothing, and a run that resumes at
step N simply starts counting at N.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from dagen import transforms
from dagen.datasets.base import Dataset
from dagen.errors import DataError
from dagen.methods.base import Domain
from dagen.transforms import Pixels
from dagen.types import Batch, View

_STREAM: dict[Domain, int] = {"source": 0, "target": 1}


@dataclass(frozen=True)
class Feed:
    """One domain's images and how they are cropped.

    Attributes:
        dataset: the images.
        labelled: whether labels are read; False never opens one.
    """

    dataset: Dataset
    labelled: bool


@dataclass(frozen=True)
class Sampling:
    """How a run draws its samples; see the configuration's fields of the same names."""

    size: tuple[int, int]
    batch: int
    zoom: float
    seed: int
    augment: str = "none"
    rank: int = 0
    world: int = 1


class Steps(TorchDataset[Batch]):
    """A run's batches: item s is the whole batch of step s."""

    def __init__(self, feeds: dict[Domain, Feed], sampling: Sampling, steps: int) -> None:
        self.feeds = feeds
        self.sampling = sampling
        self.steps = steps

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> Batch:
        views = {domain: self._view(domain, feed, step) for domain, feed in self.feeds.items()}
        return Batch(source=views.get("source"), target=views.get("target"))

    def _view(self, domain: Domain, feed: Feed, step: int) -> View:
        share = self.sampling.batch // self.sampling.world
        first = step * self.sampling.batch + self.sampling.rank * share
        samples = [self._sample(domain, feed, k) for k in range(first, first + share)]
        labels = [label for _, label, _ in samples if label is not None]
        return View(
            image=torch.stack([to_tensor(image) for image, _, _ in samples]),
            index=torch.tensor([index for _, _, index in samples]),
            label=torch.stack([_label_tensor(label) for label in labels]) if labels else None,
        )

    def _sample(self, domain: Domain, feed: Feed, k: int) -> tuple[Pixels, Pixels | None, int]:
        how = self.sampling
        count = len(feed.dataset)
        index = int(_order(how.seed, _STREAM[domain], k // count, count)[k % count])
        draw = np.random.Generator(
            np.random.Philox(key=[how.seed, 2 + _STREAM[domain]], counter=[0, 0, 0, k])
        )
        image = feed.dataset.image(index)
        label = feed.dataset.label(index) if feed.labelled else None
        image, label = transforms.crop(image, label, how.size, how.zoom, draw)
        if how.augment == "camera":
            image = transforms.camera(image, draw)
        return image, label, index


@lru_cache(maxsize=8)
def _order(
    seed: int, stream: int, epoch: int, count: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The order of all images in one epoch."""
    draw = np.random.Generator(np.random.Philox(key=[seed, stream], counter=[0, 0, 0, epoch]))
    return draw.permutation(count)


def to_tensor(image: Pixels) -> Tensor:
    """(3, H, W) float32 in [0, 1] from (H, W, 3) uint8."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float().div_(255)


def _label_tensor(label: Pixels) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(label)).long()


def batches(steps: Steps, start: int, workers: int, *, pin: bool = False) -> DataLoader[Batch]:
    """The batches from step ``start`` on, made ahead by ``workers`` processes."""
    return DataLoader(
        steps,
        batch_size=None,
        sampler=range(start, steps.steps),
        num_workers=workers,
        pin_memory=pin,
        prefetch_factor=2 if workers else None,
    )


def every_image(dataset: Dataset, size: tuple[int, int], multiple: int) -> Iterator[Tensor]:
    """All images of a data set in order, each (1, 3, H, W) as it would be scored."""
    for index in range(len(dataset)):
        image = dataset.image(index)
        fitted = transforms.cover((image.shape[0], image.shape[1]), size, multiple)
        yield to_tensor(transforms.resize(image, fitted))[None]


def names(feed: Feed, view: View) -> list[str]:
    """The file names of a view's images, for error messages."""
    return [feed.dataset.name(int(index)) for index in view.index]


def default_workers() -> int:
    """One process for every core but the one that trains, at most eight."""
    return min(8, max(0, len(os.sched_getaffinity(0)) - 1))


def require_images(dataset: Dataset, what: str) -> None:
    """Refuse a split without images.

    Raises:
        DataError: ``dataset`` is empty.
    """
    if len(dataset) == 0:
        raise DataError(f"{what} has no image in its {dataset.split} split.")
