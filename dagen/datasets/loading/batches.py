"""Turns data sets into batches, by counters instead of by state.

The image at position k of a run, and every random draw for it, depend on (seed, stream, k) alone.
So the number of workers changes nothing, and a run that resumes at step N simply starts counting at
N.

With few target labels, half of the labelled images of each batch come from the target and half from
the source (the "S+T" of semi-supervised adaptation, Saito et al., ICCV 2019). The batch does not
grow: the target's are the last rows of the source view. Without a source they fill it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from dagen.datasets.base import Dataset
from dagen.datasets.loading import order, transforms
from dagen.datasets.loading.pasting import Paster, blank
from dagen.datasets.loading.pipelines import Augment, pipeline
from dagen.datasets.loading.rare_classes import RareClasses
from dagen.datasets.loading.strong import Strong
from dagen.datasets.loading.transforms import Window, label_tensor, map_tensor, to_tensor
from dagen.datasets.loading.workers import Told, start_worker
from dagen.datasets.maps.base import Array, Map
from dagen.types import Batch, Image, Label, View

Stream = Literal["source", "target", "labelled"]
"""``labelled`` holds the target images whose labels may be used."""

# The second word of the random key, different for each stream and each use.
_ORDER: dict[Stream, int] = {"source": 0, "target": 1, "labelled": 4}
_CROP: dict[Stream, int] = {"source": 2, "target": 3, "labelled": 5}
_CLASS: dict[Stream, int] = {"source": 6, "target": 7, "labelled": 8}
_STRONG: dict[Stream, int] = {"source": 9, "target": 10, "labelled": 11}
_PASTE = 12
_PIPELINE: dict[Stream, int] = {"source": 13, "target": 14, "labelled": 15}


@dataclass(frozen=True)
class _Sample:
    index: int
    image: Image
    label: Label | None
    maps: dict[str, Array]


@dataclass(frozen=True)
class Feed:
    """One stream's images and how they are drawn.

    Attributes:
        dataset: the images.
        labelled: whether labels are read; False never opens one.
        rare: draws labelled images by class; None takes each image once per epoch.
        maps: kinds of per-image maps that are loaded with the images, by name.
        paster: pastes objects of other images on unlabelled ones; None for images as they are.
    """

    dataset: Dataset
    labelled: bool
    rare: RareClasses | None = None
    maps: Mapping[str, Map] = field(default_factory=dict)
    paster: Paster | None = None

    def name(self, index: int) -> str:
        """The name of an image, or of an empty scene, whose positions follow the images'."""
        scene = index - len(self.dataset)
        if scene < 0 or self.paster is None or self.paster.empty is None:
            return self.dataset.name(index)
        return self.paster.empty.name(scene)


@dataclass(frozen=True)
class Sampling:
    """Settings of sampling; see the configuration's fields of the same names."""

    size: tuple[int, int]
    batch: int
    zoom: float
    seed: int
    augment: Augment = "none"
    rank: int = 0
    world: int = 1
    source_batch: int = 0
    mirror: bool = True
    random_window: bool = True


class Steps(TorchDataset[Batch]):
    """A run's batches: item s is the whole batch of step s."""

    def __init__(self, feeds: dict[Stream, Feed], sampling: Sampling, steps: int) -> None:
        self.feeds = feeds
        self.sampling = sampling
        self.steps = steps

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> Batch:
        share = self.sampling.batch // self.sampling.world
        known = (self.sampling.source_batch or self.sampling.batch) // self.sampling.world
        granted = 0
        if "labelled" in self.feeds:
            granted = known // 2 if "source" in self.feeds else known
        source = [*self._rows("source", step, known - granted)]
        source += self._rows("labelled", step, granted)
        return Batch(_view(source, granted), _view([*self._rows("target", step, share)]))

    def names(self, batch: Batch) -> list[str]:
        """The file names of a batch's images, for error messages."""
        parts: list[tuple[Stream, list[int]]] = []
        if batch.source is not None:
            index = batch.source.index.tolist()
            ours = len(index) - batch.source.target_rows
            parts += [("source", index[:ours]), ("labelled", index[ours:])]
        if batch.target is not None:
            parts.append(("target", batch.target.index.tolist()))
        return [self.feeds[stream].name(i) for stream, rows in parts for i in rows]

    def _rows(self, stream: Stream, step: int, count: int) -> Iterator[_Sample]:
        """This process's ``count`` samples of a step; none without such a stream."""
        feed = self.feeds.get(stream)
        if feed is None:
            return
        first = (step * self.sampling.world + self.sampling.rank) * count
        for k in range(first, first + count):
            yield self._sample(stream, feed, k)

    def _sample(self, stream: Stream, feed: Feed, k: int) -> _Sample:
        how = self.sampling
        geometry = how.size, how.zoom

        def draws(attempt: int) -> np.random.Generator:
            return _generator(how.seed, _CROP[stream], k, attempt)

        dataset, paster = feed.dataset, feed.paster
        label: Label | None
        pasting = _generator(how.seed, _PASTE, k)
        scene = None
        if feed.rare is not None:
            drawn, index = feed.rare.draw(_generator(how.seed, _CLASS[stream], k))
            image = dataset.image(index)
            whole_label = dataset.label(index)
            window, label, draw = feed.rare.window(whole_label, drawn, geometry, draws)
            if window.mirrored and not how.mirror:
                window = replace(window, mirrored=False)
                label = window.label(whole_label)
        else:
            count, draw = len(dataset), draws(0)
            turns = _order(how.seed, _ORDER[stream], k // count, count, dataset.shards)
            index = int(turns[k % count])
            scene = None if paster is None else paster.scene(pasting)
            image = dataset.image(index) if scene is None else scene.image
            window = Window.draw(image.shape, *geometry, draw)
            if not how.random_window:
                window = Window.centre(image.shape, how.size, mirrored=window.mirrored)
            if not how.mirror:
                window = replace(window, mirrored=False)
            label = window.label(dataset.label(index)) if feed.labelled else None
        cut = window.image(image)
        maps = {}
        for name, kind in feed.maps.items():
            whole = dataset.map_of(index, kind)
            whole = whole if scene is None else blank(whole, scene.image.shape[:2])
            maps[name] = window.map(whole, kind.resized)
        if paster is not None:
            cut, maps = paster.paste(cut, maps, index, pasting)
        if how.augment == "camera":
            cut = transforms.camera(cut, draw)
        elif how.augment == "strong":
            change = Strong.draw(_generator(how.seed, _STRONG[stream], k))
            cut = change.coloured(change.turned(cut))
            label = None if label is None else change.turned(label, "nearest")
            maps = {n: change.turned(m, feed.maps[n].resized) for n, m in maps.items()}
        elif how.augment != "none":
            change_all = pipeline(how.augment)
            seeds = _generator(how.seed, _PIPELINE[stream], k).integers(2**31, size=len(change_all))
            resized = {name: kind.resized for name, kind in feed.maps.items()}
            cut, label, maps = change_all(cut, label, maps, resized, seeds.tolist())
        return _Sample(index if scene is None else scene.index, cut, label, maps)


def _view(samples: list[_Sample], target_rows: int = 0) -> View | None:
    """The samples as one view; None without samples."""
    if not samples:
        return None
    labels = [label_tensor(s.label) for s in samples if s.label is not None]
    return View(
        image=torch.stack([to_tensor(s.image) for s in samples]),
        index=torch.tensor([s.index for s in samples]),
        label=torch.stack(labels) if labels else None,
        target_rows=target_rows,
        maps={
            name: torch.stack([map_tensor(s.maps[name]) for s in samples])
            for name in samples[0].maps
        },
    )


def _generator(seed: int, use: int, k: int, attempt: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, use], counter=[0, 0, attempt, k]))


@lru_cache(maxsize=8)
def _order(
    seed: int, stream: int, epoch: int, count: int, shards: order.Shards | None
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The order of all images in one epoch."""
    return order.epoch(_generator(seed, stream, epoch), count, shards)


def drawn(stream: Stream, dataset: Dataset, sampling: Sampling, steps: int) -> list[int]:
    """The positions of all images of a data set that a run draws from a stream.

    All of them, or in a short run those that come first.
    """
    count = min(len(dataset), steps * sampling.batch)
    turns = _order(sampling.seed, _ORDER[stream], 0, len(dataset), dataset.shards)
    return [int(i) for i in turns[:count]]


def batches(steps: Steps, start: int, workers: int, *, pin: bool = False) -> DataLoader[Batch]:
    """The batches from step ``start`` on, made in advance by ``workers`` processes.

    An error of a file comes in place of its batch; ``workers.running`` raises it.
    """
    return DataLoader(
        Told(steps),
        batch_size=None,
        sampler=range(start, steps.steps),
        num_workers=workers,
        pin_memory=pin,
        prefetch_factor=2 if workers else None,
        worker_init_fn=start_worker,
    )


def every_image(dataset: Dataset, size: tuple[int, int], multiple: int) -> Iterator[Tensor]:
    """All images of a data set in order, each (1, 3, H, W) as it would be scored."""
    for index in range(len(dataset)):
        image = dataset.image(index)
        fitted = transforms.cover((image.shape[0], image.shape[1]), size, multiple)
        yield to_tensor(transforms.resize(image, fitted))[None]
