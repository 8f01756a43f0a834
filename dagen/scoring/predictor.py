"""The contract of a predictor, which segments an image: a PyTorch network or an exported file.

All code that scores or draws takes a :class:`Predictor`, whatever runs behind it. This module needs
no torch, and neither does a predictor with another runtime.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from dagen.types import Image, Label, Task

Probabilities = NDArray[np.float32]
"""(C, H, W) float32, one for each class; they add up to 1 at each pixel."""


class Predictor(Protocol):
    """Segments one image at a time; two threads may call it at once."""

    @property
    def name(self) -> str:
        """The network's name, such as ``enet``."""

    @property
    def task(self) -> Task:
        """The task that it segments; its classes are those of the probabilities."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels that the network's input covers.

        An image is scaled, with its aspect kept, until it covers them.
        """

    @property
    def bytes(self) -> int | None:
        """Size of the deployed file; None without a file."""

    def __call__(self, image: Image) -> Probabilities:
        """Class probabilities of one image at its own size.

        Args:
            image: (H, W, 3) uint8 RGB, of any height and width.

        Returns:
            (C, H, W) float32.
        """


class Observation(NamedTuple):
    """A network's probabilities and features for one image."""

    probabilities: Probabilities
    """(C, H, W) float32 at the image's own size."""
    features: NDArray[np.float32]
    """(D, h, w) float32 at the network's stride: the input of its head."""


@runtime_checkable
class Observer(Predictor, Protocol):
    """A predictor that also shows the features from which it predicts."""

    @property
    def feature_channels(self) -> int:
        """Number of channels of the features."""

    def feature_shape(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Height and width of the features of an image of height and width ``shape``."""

    def observe(self, image: Image) -> Observation:
        """The probabilities of one image, and the features from which they were computed.

        Args:
            image: (H, W, 3) uint8 RGB, of any height and width.
        """


class Prediction(NamedTuple):
    """A predictor's output for one image, at the image's own size."""

    mask: Label
    """(H, W) uint8 class ids."""
    probabilities: Probabilities
    """(C, H, W) float32."""


def mask(probabilities: Probabilities) -> Label:
    """The most probable class of each pixel: (H, W) uint8 from (C, H, W)."""
    found: Label = np.zeros(probabilities.shape[1:], np.uint8)
    best = probabilities[0]
    for kind, each in enumerate(probabilities[1:], 1):  # several times as fast as argmax(0)
        np.copyto(found, kind, where=each > best)
        if kind + 1 < len(probabilities):
            best = np.maximum(best, each)
    return found
