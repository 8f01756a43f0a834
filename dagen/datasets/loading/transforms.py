"""Geometry of training crops and of scoring, and camera defects.

All draws come from a generator that the caller seeds per sample, so a sample is the same
whichever worker makes it.
"""

from __future__ import annotations

import math
import os
from functools import cache
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from dagen.types import Image, Label

# Loader workers are processes already; OpenCV's own threads only get in their way.
cv2.setNumThreads(0)

_LARGEST = 4.0
"""Scored images have at most this many times the pixels of the training size."""


def cover(shape: tuple[int, int], size: tuple[int, int], multiple: int = 1) -> tuple[int, int]:
    """The height and width at which an image is scored.

    The smallest scale at which the image covers ``size``, its aspect kept, each side rounded to
    ``multiple``. A long strip, which would grow beyond four times the pixels of ``size``, is
    scaled down to that.

    Args:
        shape: height and width of the image in pixels.
        size: height and width to cover.
        multiple: of which both sides shall be.
    """
    height, width = shape
    scale = max(size[0] / height, size[1] / width)
    limit = math.sqrt(_LARGEST * size[0] * size[1] / (height * width))
    scale = min(scale, limit)
    return (
        max(multiple, round(height * scale / multiple) * multiple),
        max(multiple, round(width * scale / multiple) * multiple),
    )


def resize(image: Image, size: tuple[int, int]) -> Image:
    """``image`` (H, W, 3) at ``size`` (H, W): area average when shrinking, else bilinear."""
    if image.shape[:2] == size:
        return image
    shrinking = size[0] * size[1] < image.shape[0] * image.shape[1]
    how = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size[::-1], interpolation=how), np.uint8)


def resize_label(label: Label, size: tuple[int, int]) -> Label:
    """``label`` (H, W) at ``size``, nearest pixel."""
    if label.shape == size:
        return label
    return np.asarray(
        cv2.resize(label, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT), np.uint8
    )


def crop(
    image: Image,
    label: Label | None,
    size: tuple[int, int],
    zoom: float,
    draw: np.random.Generator,
) -> tuple[Image, Label | None]:
    """A random window, magnified and mirrored at random.

    The window has the aspect of ``size`` and lies inside the image; at magnification 1 it is the
    largest such window, at ``zoom`` its sides are ``zoom`` times shorter. Magnification is
    log-uniform, mirroring has probability 1/2.

    Args:
        image: (H, W, 3) uint8.
        label: (H, W) uint8 or None; draws do not depend on it.
        size: height and width of the result.
        zoom: largest magnification, at least 1.
        draw: the sample's generator.
    """
    height, width = image.shape[:2]
    scale = max(size[0] / height, size[1] / width) * zoom ** draw.random()
    rows = min(height, max(1, round(size[0] / scale)))
    columns = min(width, max(1, round(size[1] / scale)))
    top = int(draw.integers(0, height - rows + 1))
    left = int(draw.integers(0, width - columns + 1))
    mirrored = draw.random() < 0.5
    window = slice(top, top + rows), slice(left, left + columns)
    image = resize(np.ascontiguousarray(image[window]), size)
    if label is not None:
        label = resize_label(np.ascontiguousarray(label[window]), size)
    if mirrored:
        image = image[:, ::-1]
        label = None if label is None else label[:, ::-1]
    return image, label


def camera(image: Image, draw: np.random.Generator) -> Image:
    """``image`` with the defects of a small camera: shadow, motion blur, noise, JPEG blocks."""
    for defect in _defects():
        # Each is seeded apart: one seed for all would make them come together or not at all.
        defect.set_random_seed(int(draw.integers(0, 2**31)))
        image = defect(image=np.ascontiguousarray(image))["image"]
    return np.asarray(image, np.uint8)


@cache
def _defects() -> tuple[Any, ...]:
    # Albumentations asks the network for a newer version of itself when it is imported.
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations as A

    return (
        A.RandomShadow(shadow_roi=(0, 0, 1, 1), p=0.3),
        A.MotionBlur(blur_limit=(3, 7), p=0.3),
        A.GaussNoise(std_range=(0.01, 0.08), p=0.4),
        A.ImageCompression(quality_range=(30, 90), p=0.5),
    )


def to_tensor(image: Image) -> Tensor:
    """(3, H, W) float32 in [0, 1] from (H, W, 3) uint8."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float().div_(255)
