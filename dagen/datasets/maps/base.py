"""The contract of a kind of per-image map.

A map holds one or several numbers for each pixel of an image, computed from the image and never
from a label: salience, for instance, or a teacher network's predictions. A strategy names the kinds
that it needs (``Method.maps``) and gets them cut and mirrored with the images (``View.maps``).

A kind is one file with one public :class:`Map`. Maps are made from whole images at their size in
the decode cache, and are cached beside them.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from dagen.errors import DataError
from dagen.types import Image

Array = NDArray[Any]
"""(H, W) or (H, W, K) uint8 or float: the map of one image, of the image's own size."""
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
    """

    digest: str
    resized: ClassVar[Resizing] = "bilinear"

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
        if not number or made.ndim not in (2, 3) or made.shape[:2] != image.shape[:2]:
            height, width = image.shape[:2]
            raise DataError(
                f"the map {self.digest} of {name} is {made.dtype} {made.shape}; it must be uint8 "
                f"or float, ({height}, {width}) or ({height}, {width}, K) as its image is."
            )
        return made
