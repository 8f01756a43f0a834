"""Geometry of training crops and of scoring, and camera defects.

All draws come from a generator that the caller seeds per sample, so every worker makes the same
sample.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from dagen.datasets.maps.base import Array, Resizing, by_layers
from dagen.types import Image, Label

if TYPE_CHECKING:  # a predictor of an exported file resizes images where there is no torch
    from torch import Tensor

_T = TypeVar("_T", bound=np.integer[Any] | np.floating[Any])

# Loader workers are processes already; OpenCV's own threads would only compete with them.
cv2.setNumThreads(0)

_LARGEST = 4.0
"""Scored images have at most this many times the pixels of the training size."""


def cover(shape: tuple[int, int], size: tuple[int, int], multiple: int = 1) -> tuple[int, int]:
    """The height and width at which an image is scored.

    This is the smallest scale at which the image covers ``size``, with its aspect kept and each
    side rounded to ``multiple``. A long strip that would have more than four times the pixels of
    ``size`` is scaled down to that.

    Args:
        shape: height and width of the image in pixels.
        size: height and width to cover.
        multiple: both sides become multiples of this.
    """
    height, width = shape
    scale = max(size[0] / height, size[1] / width)
    limit = math.sqrt(_LARGEST * size[0] * size[1] / (height * width))
    scale = min(scale, limit)
    return (
        max(multiple, round(height * scale / multiple) * multiple),
        max(multiple, round(width * scale / multiple) * multiple),
    )


def resize(image: NDArray[_T], size: tuple[int, int]) -> NDArray[_T]:
    """``image``, or a map that may be interpolated, at ``size`` (H, W).

    Area average when shrinking, else bilinear. The dtype stays.
    """
    shrinking = size[0] * size[1] < image.shape[0] * image.shape[1]
    return _resized(image, size, cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)


def resize_label(label: NDArray[_T], size: tuple[int, int]) -> NDArray[_T]:
    """``label``, or a map that must not be interpolated, at ``size`` (H, W): the nearest pixel."""
    return _resized(label, size, cv2.INTER_NEAREST_EXACT)


def _resized(array: NDArray[_T], size: tuple[int, int], how: int) -> NDArray[_T]:
    if array.shape[:2] == size:
        return array
    return by_layers(array, lambda some: cv2.resize(some, size[::-1], interpolation=how))


@dataclass(frozen=True)
class Window:
    """The part of an image that a training sample shows: image, label and maps are cut alike.

    Attributes:
        rows: rows of the image.
        columns: columns of the image.
        mirrored: whether left and right are swapped.
        size: height and width of the sample.
    """

    rows: slice
    columns: slice
    mirrored: bool
    size: tuple[int, int]

    @classmethod
    def draw(
        cls, shape: tuple[int, ...], size: tuple[int, int], zoom: float, draw: np.random.Generator
    ) -> Window:
        """A random window, magnified and mirrored at random.

        It has the aspect of ``size`` and lies inside the image; at magnification 1 it is the
        largest such window, at ``zoom`` its sides are ``zoom`` times shorter. Magnification is
        log-uniform, mirroring has probability 1/2.

        Args:
            shape: shape of the image or its label, height and width first.
            size: height and width of the sample.
            zoom: largest magnification, at least 1.
            draw: the sample's generator.
        """
        height, width = shape[:2]
        scale = max(size[0] / height, size[1] / width) * zoom ** draw.random()
        rows = min(height, max(1, round(size[0] / scale)))
        columns = min(width, max(1, round(size[1] / scale)))
        top = int(draw.integers(0, height - rows + 1))
        left = int(draw.integers(0, width - columns + 1))
        mirrored = bool(draw.random() < 0.5)
        return cls(slice(top, top + rows), slice(left, left + columns), mirrored, size)

    @classmethod
    def centre(
        cls, shape: tuple[int, ...], size: tuple[int, int], *, mirrored: bool = False
    ) -> Window:
        """The largest window with the aspect of ``size``, in the middle of the image."""
        height, width = shape[:2]
        scale = max(size[0] / height, size[1] / width)
        rows = min(height, max(1, round(size[0] / scale)))
        columns = min(width, max(1, round(size[1] / scale)))
        top, left = (height - rows) // 2, (width - columns) // 2
        return cls(slice(top, top + rows), slice(left, left + columns), mirrored, size)

    def image(self, image: Image) -> Image:
        """The window of ``image``; see :func:`resize`."""
        return self._turned(resize(self._cut(image), self.size))

    def label(self, label: Label) -> Label:
        """The window of ``label``; see :func:`resize_label`."""
        return self._turned(resize_label(self._cut(label), self.size))

    def map(self, map_: Array, resized: Resizing) -> Array:
        """The window of a map, uint8 or float32, resized as its kind declares."""
        cut = self._cut(map_ if map_.dtype == np.uint8 else map_.astype(np.float32))
        how = resize_label if resized == "nearest" else resize
        return self._turned(how(cut, self.size))

    def _cut(self, array: NDArray[_T]) -> NDArray[_T]:
        return np.ascontiguousarray(array[self.rows, self.columns])

    def _turned(self, array: NDArray[_T]) -> NDArray[_T]:
        return array[:, ::-1] if self.mirrored else array


def camera(image: Image, draw: np.random.Generator) -> Image:
    """``image`` with the defects of a small camera: shadow, motion blur, noise, JPEG blocks."""
    for defect in _defects():
        # Each has its own seed: with one seed they would all occur together or not at all.
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
    import torch

    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float().div_(255)


def label_tensor(label: Label) -> Tensor:
    """(H, W) int64 ids."""
    import torch

    return torch.from_numpy(np.array(label)).long()  # a copy: cached arrays are read-only


def map_tensor(map_: Array) -> Tensor:
    """(H, W) or (K, H, W) float32 from a float map, or a uint8 map, which means value / 255."""
    import torch

    tensor = torch.from_numpy(np.array(map_)).float()
    tensor = tensor.div_(255) if map_.dtype == np.uint8 else tensor
    return tensor if tensor.ndim == 2 else tensor.movedim(-1, 0)
