"""The contract of a kind of per-image map.

A map holds one or several numbers for each pixel of an image, computed from the image and never
from a label: salience, for instance, or a teacher network's predictions. A strategy names the kinds
that it needs (``Method.maps``) and gets them cut and mirrored with the images (``View.maps``).

A kind is one file with one public :class:`Map`. Maps are made from whole images and cached beside
them: most from the image at its size in the decode cache, slow ones once from the stored image, for
all sizes (:attr:`Map.whole`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from dagen.errors import DataError
from dagen.types import Image

Array = NDArray[Any]
"""(H, W) or (H, W, K) uint8 or float: the map of one image, of the image's own size."""
_T = TypeVar("_T", bound=np.integer[Any] | np.floating[Any])
Resizing = Literal["nearest", "bilinear"]


class Map:
    """Base of every kind of map.

    Loader processes get a copy, so instances must be picklable: open a network or a folder on first
    use.

    Attributes:
        digest: identifies how the maps are made: the kind's name and version and, if it has
            parameters, their digest (for a network, its file's SHA-256). It is part of the decode
            cache's keys, so another way of making maps needs another digest.
        resized: how a cut is resized to the training size: ``nearest`` keeps the map's values,
            ``bilinear`` interpolates them (and averages when shrinking).
        whole: whether maps are made from the image at its stored size, once for every training
            size. Such a map may have any size; it is scaled to the image's.
        looks: whether maps are made by looking at the image, so that a changed image may have
            another map; False where they are looked up by the image's name.
    """

    digest: str
    resized: Resizing = "bilinear"
    whole: bool = False
    looks: bool = True

    def ready(self) -> None:
        """Raise now, in one line, what would keep every map from being made.

        Raises:
            DagenError: a file is damaged, or a package is missing.
        """

    def require(self, images: Mapping[str, str]) -> None:
        """Raise now if these images cannot all have a map of their own; makes none.

        Maps that are kept already are not made again, so :meth:`make` does not see all images.

        Args:
            images: names by what tells the images apart (``Dataset.image_key``).

        Raises:
            DataError: maps are missing, or two images would get the same.
        """

    def make(self, image: Image, name: str) -> Array:
        """The map of one image.

        Args:
            image: (H, W, 3) uint8 RGB, whole.
            name: the image's name in its data set, for kinds that look up maps.

        Returns:
            (H, W) or (H, W, K). uint8 means value / 255; floats are used unchanged.
        """
        raise NotImplementedError

    def checked(self, image: Image, name: str) -> Array:
        """The map from :meth:`make`, checked.

        Raises:
            DataError: the map's type or size breaks the contract.
        """
        made = self.make(image, name)
        number = made.dtype == np.uint8 or np.issubdtype(made.dtype, np.floating)
        fits = self.whole or made.shape[:2] == image.shape[:2]
        if not number or made.ndim not in (2, 3) or not fits:
            height, width = image.shape[:2]
            raise DataError(
                f"the map {self.digest} of {name} is {made.dtype} {made.shape}; it must be uint8 "
                f"or float, ({height}, {width}) or ({height}, {width}, K) as its image is."
            )
        return made


def fitted(made: Array, shape: tuple[int, ...]) -> Array:
    """A map at the size of its image, bilinear, or averaged where it shrinks.

    Args:
        made: (h, w) or (h, w, K), uint8 or float.
        shape: shape of the image, height and width first.
    """
    height, width = shape[:2]
    if made.shape[:2] == (height, width):
        return made
    import cv2

    shrinking = height * width < made.shape[0] * made.shape[1]
    how = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    array = made if made.dtype == np.uint8 else made.astype(np.float32)
    return by_layers(array, lambda some: cv2.resize(some, (width, height), interpolation=how))


def by_layers(array: NDArray[_T], change: Callable[[NDArray[_T]], Any]) -> NDArray[_T]:
    """``change`` of an image or map of any number of layers; OpenCV takes at most four at once.

    Args:
        array: (H, W) or (H, W, K).
        change: makes (h, w) from (H, W), or (h, w, k) from (H, W, k); it may drop a single layer.
    """
    if array.ndim == 2:
        return np.asarray(change(array), array.dtype)
    some = [np.ascontiguousarray(array[..., k : k + 4]) for k in range(0, array.shape[2], 4)]
    changed = [np.asarray(change(part), array.dtype) for part in some]
    return np.concatenate([c if c.ndim == 3 else c[..., None] for c in changed], axis=2)
