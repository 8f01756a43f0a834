"""The contract of a kind of per-image map.

A map holds a number, or several, for each pixel of an image, worked out from the image and never
from a label: what stands out, say, or what a teacher network believes. A strategy names the kinds
that it needs (``Method.maps``) and finds them cut and mirrored with the images (``View.maps``).

A kind is one file with one public :class:`Map`. Maps are made of whole images, at the size at
which the decode cache keeps them, and are kept beside them.
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

    Loader processes get a copy, so an instance has to pickle: open a network or a folder on
    first use.

    Attributes:
        digest: what the maps are made with and how: the kind's name and version, and where it
            has parameters a digest of them (of a network the SHA-256 of its file). The decode
            cache keeps maps by it: another way of making them needs another digest.
        resized: how a cut is brought to the training size: ``nearest`` keeps the map's values
            as they are, ``bilinear`` blends them (and averages where it shrinks).
    """

    digest: str
    resized: ClassVar[Resizing] = "bilinear"

    def make(self, image: Image, name: str) -> Array:
        """The map of one image.

        Args:
            image: (H, W, 3) uint8 RGB, whole.
            name: the image's name in its data set, for kinds that look the map up.

        Returns:
            (H, W) or (H, W, K). uint8 stands for value / 255; floats are taken as they are.
        """
        raise NotImplementedError

    def checked(self, image: Image, name: str) -> Array:
        """As :meth:`make`.

        Raises:
            DataError: the map is of another type or size than the contract says.
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
