"""Strong augmentation of photographs: turned, and in other colours.

Half of the samples are turned by up to 25 degrees, image, label and maps alike. Channels, contrast
and brightness of the image are multiplied, and some samples become grey. Windows and mirroring are
drawn as always (``zoom`` magnifies). This keeps a network from learning a few photographs by heart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from dagen.datasets.maps.base import Resizing, by_layers
from dagen.types import Image

_T = TypeVar("_T", bound=np.integer[Any] | np.floating[Any])

_ANGLE = 25.0
"""Largest angle in degrees."""
_TURNED = 0.5
_GREY = 0.15
_LOW, _HIGH = 0.6, 1.4
"""Range of all factors."""


@dataclass(frozen=True)
class Strong:
    """The changes of one sample.

    Attributes:
        angle: degrees by which it is turned counter-clockwise.
        gains: factors of red, green and blue.
        contrast: factor of the distance from the mean.
        brightness: factor of everything.
        grey: whether the colours are removed.
    """

    angle: float
    gains: tuple[float, float, float]
    contrast: float
    brightness: float
    grey: bool

    @classmethod
    def draw(cls, draw: np.random.Generator) -> Strong:
        """The changes of a sample from its own generator."""
        turned = draw.random() < _TURNED
        angle = float(draw.uniform(-_ANGLE, _ANGLE))
        red, green, blue, contrast, brightness = (float(x) for x in draw.uniform(_LOW, _HIGH, 5))
        grey = bool(draw.random() < _GREY)
        return cls(angle if turned else 0.0, (red, green, blue), contrast, brightness, grey)

    def turned(self, array: NDArray[_T], how: Resizing = "bilinear") -> NDArray[_T]:
        """An image, label or map, turned about its centre; its edges are mirrored outwards."""
        if self.angle == 0:
            return array
        height, width = array.shape[:2]
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), self.angle, 1.0)
        flags = cv2.INTER_NEAREST if how == "nearest" else cv2.INTER_LINEAR
        border = cv2.BORDER_REFLECT_101

        def turn(some: NDArray[_T]) -> Any:
            return cv2.warpAffine(some, matrix, (width, height), flags=flags, borderMode=border)

        return by_layers(np.ascontiguousarray(array), turn)

    def coloured(self, image: Image) -> Image:
        """The image in other colours."""
        x = image.astype(np.float32) * np.array(self.gains, np.float32)
        if self.grey:
            x = np.repeat(x.mean(2, keepdims=True), 3, 2)
        mean = x.mean()
        x = (mean + self.contrast * (x - mean)) * self.brightness
        return np.asarray(np.round(x.clip(0, 255)), np.uint8)
