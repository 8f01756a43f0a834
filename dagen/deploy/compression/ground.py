"""What all rungs are compared with: the PyTorch network's masks of unlabelled training images."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dagen.datasets.loading.opening import open_dataset, require_images
from dagen.datasets.loading.transforms import resize
from dagen.deploy.agreement import loss
from dagen.deploy.pictures import data_of
from dagen.errors import UsageError
from dagen.models.deployed.file import load_deployed
from dagen.scoring.predictor import Predictor, mask
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.types import Image, Task

_JUDGES = 16
_LONGEST = 512
"""Pixels of the longer side at which masks are compared; larger images are scaled down."""


@dataclass(frozen=True)
class Ground:
    """What all rungs are compared with.

    Attributes:
        task: what is segmented.
        images: unlabelled training images.
        wanted: the PyTorch network's masks of them.
        told: the images in a few words.
    """

    task: Task
    images: list[Image]
    wanted: list[NDArray[np.uint8]]
    told: str

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the images and masks: the same images give the same losses."""
        found = hashlib.sha256()
        for each in (*self.images, *self.wanted):
            found.update(f"{each.shape}".encode() + np.ascontiguousarray(each).tobytes())
        return found.hexdigest()


def ground(model: Path, data: str | None, data_root: Path | None) -> Ground:
    """The PyTorch network's masks of unlabelled training images.

    Args:
        model: the deployed file.
        data: data set; None is the target of the network's run, or else its source.
        data_root: folder of all data sets; None is ``$DAGEN_DATA``.

    Raises:
        UsageError: no data set is given or known.
        DataError: it is missing, damaged or empty.
    """
    card = load_deployed(model)[1]
    name = data or next(iter(data_of(card.run)), None)
    if name is None:
        raise UsageError(
            "the agreement is measured on images, and this network has no run that names a data "
            "set; give one with --calibrate."
        )
    dataset = open_dataset(name, "train", card.kind, data_root)
    require_images(dataset, name)
    count = min(_JUDGES, len(dataset))
    # In the middle of equal parts; those that set the ranges of int8 stand at their beginnings.
    places = [(2 * k + 1) * len(dataset) // (2 * count) for k in range(count)]
    images = [_smaller(dataset.image(place)) for place in places]
    predictor = TorchPredictor.load(model)
    wanted = [mask(predictor(image)) for image in images]
    return Ground(card.kind, images, wanted, f"{count} images of {name} train")


def agreement_loss(predictor: Predictor, against: Ground) -> float:
    """A predictor's loss of agreement with the PyTorch network, in points."""
    masks = (mask(predictor(image)) for image in against.images)
    return loss(masks, against.wanted, against.task)


def _smaller(image: Image) -> Image:
    scale = _LONGEST / max(image.shape[:2])
    if scale >= 1:
        return image
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return resize(image, (height, width))
