"""The images by which the checkpoints of a run are judged.

At most 32 of the target's training images and 32 of the source's ``val`` images with labels,
drawn by the run's seed and cropped as in training, without magnification, so that objects have the
same size as in scoring. No target label is opened, no target image in a run without target, and no
source image in a source-free run.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from dagen.datasets.base import Dataset
from dagen.datasets.loading.cache import cached
from dagen.datasets.loading.opening import open_dataset, require_images
from dagen.datasets.loading.transforms import Window, label_tensor, to_tensor
from dagen.datasets.loading.wrappers import Subset
from dagen.runs.plan import Plan
from dagen.types import View
from dagen.validators.base import Probes

IMAGES = 32
"""Largest number of images of each domain."""
_SOURCE, _TARGET = 100, 101  # different from the streams of the training loop


def open_probes(plan: Plan, data_root: Path | None) -> Probes:
    """Read the probes of a run.

    Args:
        plan: plan of the run.
        data_root: see :func:`dagen.datasets.loading.opening.root`.

    Raises:
        DataError: a data set or an image is missing or damaged, or a split is empty.
    """
    config, task = plan.config, plan.task
    source = target = None
    if plan.reads_source:
        dataset = open_dataset(config.src, "val", task, data_root)
        require_images(dataset, config.src)
        if dataset.has_labels:
            known = Subset(dataset, dataset.labelled)
            source = pictures(known, config.size, config.seed, _SOURCE, labelled=True)
    if config.tgt is not None:
        dataset = open_dataset(config.tgt, "train", task, data_root)
        require_images(dataset, config.tgt)
        target = pictures(dataset, config.size, config.seed, _TARGET).image
    return Probes(task, target, source, config.seed)


def target_probes(plan: Plan, data_root: Path | None) -> Probes:
    """The probes of the target alone.

    Raises:
        DataError: the target or an image is missing or damaged, or its split is empty.
    """
    config = plan.config
    assert config.tgt is not None
    dataset = open_dataset(config.tgt, "train", plan.task, data_root)
    require_images(dataset, config.tgt)
    target = pictures(dataset, config.size, config.seed, _TARGET).image
    return Probes(plan.task, target, None, config.seed)


def pictures(
    dataset: Dataset, size: tuple[int, int], seed: int, stream: int, *, labelled: bool = False
) -> View:
    """Some images of a data set, each a random window of the largest size that fits.

    Args:
        dataset: a data set that is not empty.
        size: height and width in pixels.
        seed: seed that, with ``stream``, decides images and windows.
        stream: distinguishes uses of one seed.
        labelled: whether labels are opened.
    """
    shrunk = cached(dataset, size)
    draw = np.random.Generator(np.random.Philox(key=[seed, stream]))
    chosen = np.sort(draw.permutation(len(dataset))[:IMAGES])
    images, labels = [], []
    for index in chosen.tolist():
        image = shrunk.image(index)
        window = Window.draw(image.shape, size, 1.0, draw)
        images.append(to_tensor(window.image(image)))
        if labelled:
            labels.append(label_tensor(window.label(shrunk.label(index))))
    return View(
        torch.stack(images), torch.from_numpy(chosen), torch.stack(labels) if labels else None
    )
