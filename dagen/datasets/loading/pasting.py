"""Objects of unlabelled photographs pasted on other ones, cut out by maps; and empty scenes.

Cut, paste and learn (Dwibedi et al., ICCV 2017) without masks: a teacher's map says what an object
is. A pasted sample gets one or two of the largest connected pieces of other photographs' maps, and
its own maps are updated under them. Both come from the target, so that no belt is pasted (pasting
across domains lowered transfer in VisDA-2022).

Scenes without objects replace some of the photographs. Their maps are 0, and they get pieces too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dagen.datasets.base import Dataset
from dagen.datasets.loading.transforms import cover, resize
from dagen.datasets.maps.base import Array, Map
from dagen.types import Image, Pixels

_SURE = 0.5
"""Foreground from which a pixel belongs to a piece."""
_LEAST = 60
"""Pixels of the smallest piece, at the scale of the sample."""
_MOST = 0.35
"""Largest share of its picture that a piece covers."""
_SCALE = 0.4, 1.3
_BRIGHTNESS = 0.7, 1.25
_SOFT = 1.0
"""Standard deviation in pixels of the blur of a piece's outline."""


@dataclass(frozen=True)
class Piece:
    """A piece of a photograph on its own canvas.

    Attributes:
        image: (h, w, 3) uint8.
        maps: (h, w) or (h, w, K) float32 in [0, 1], by name.
        alpha: (h, w) float32 in [0, 1].
    """

    image: Image
    maps: Mapping[str, NDArray[np.float32]]
    alpha: NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """An empty scene in place of a photograph.

    Attributes:
        index: its position; the scenes' positions follow those of the photographs.
        image: (H, W, 3) uint8.
    """

    index: int
    image: Image


@dataclass(frozen=True)
class Paster:
    """How target samples get pieces of other images.

    Attributes:
        dataset: the images that pieces come from.
        donors: positions of the images that may give pieces.
        maps: kinds of maps, by name; their mean decides what an object is.
        share: share of the samples that get pieces.
        empty: scenes without objects; None for none.
        empty_share: share of the samples that are such scenes.
    """

    dataset: Dataset
    donors: Sequence[int]
    maps: Mapping[str, Map]
    share: float
    empty: Dataset | None = None
    empty_share: float = 0.0

    def scene(self, draw: np.random.Generator) -> Scene | None:
        """The empty scene that a sample shows; None if it shows its photograph."""
        replaced, place = draw.random() < self.empty_share, draw.random()
        if self.empty is None or not replaced:
            return None
        index = int(place * len(self.empty))
        return Scene(len(self.dataset) + index, self.empty.image(index))

    def paste(
        self, image: Image, maps: dict[str, Array], own: int, draw: np.random.Generator
    ) -> tuple[Image, dict[str, Array]]:
        """A sample with one or two pieces, or as it is.

        Args:
            image: (H, W, 3) uint8, the sample.
            maps: its maps, (H, W) or (H, W, K).
            own: position of its photograph, which gives no piece.
            draw: the sample's generator.
        """
        if draw.random() >= self.share:
            return image, maps
        for _ in range(int(draw.integers(1, 3))):
            donor = self.donors[int(draw.integers(len(self.donors)))]
            if donor == own:
                continue
            piece = self.piece(donor, (image.shape[0], image.shape[1]), draw)
            if piece is not None:
                image, maps = lay(moved(piece, draw), image, maps, draw)
        return image, maps

    def piece(self, donor: int, size: tuple[int, int], draw: np.random.Generator) -> Piece | None:
        """One of the two largest pieces of an image; None if its map shows none.

        Args:
            donor: position of the image.
            size: (H, W) of the samples, whose scale the piece has.
            draw: the sample's generator.
        """
        whole = self.dataset.image(donor)
        fit = cover((whole.shape[0], whole.shape[1]), size)
        values = {n: _unit(self.dataset.map_of(donor, kind), fit) for n, kind in self.maps.items()}
        shown = np.mean([foreground(value) for value in values.values()], axis=0)
        count, region, stats, _ = cv2.connectedComponentsWithStats((shown > _SURE).astype(np.uint8))
        areas = stats[1:count, cv2.CC_STAT_AREA]
        fits = np.flatnonzero((areas >= _LEAST) & (areas <= _MOST * shown.size))
        if not len(fits):
            return None
        largest = fits[np.argsort(-areas[fits], kind="stable")][:2]
        chosen = 1 + int(largest[int(draw.integers(len(largest)))])
        left, top, width, height = (int(v) for v in stats[chosen, :4])
        margin = 3
        rows = slice(max(0, top - margin), top + height + margin)
        columns = slice(max(0, left - margin), left + width + margin)
        inside = (region[rows, columns] == chosen).astype(np.float32)
        image = resize(np.ascontiguousarray(whole), fit)
        return Piece(
            image=np.ascontiguousarray(image[rows, columns]),
            maps={name: value[rows, columns] for name, value in values.items()},
            alpha=np.asarray(cv2.GaussianBlur(inside, (0, 0), _SOFT), np.float32),
        )


def foreground(value: Array) -> Array:
    """(H, W) from a map: itself, or the sum of all classes but the first."""
    found: Array = value if value.ndim == 2 else 1 - value[..., 0]
    return found


def moved(piece: Piece, draw: np.random.Generator) -> Piece:
    """A piece scaled, mirrored, turned by right angles and made darker or brighter."""
    height, width = piece.alpha.shape
    scale = float(draw.uniform(*_SCALE))
    mirrored, turns = bool(draw.random() < 0.5), int(draw.integers(4))
    brightness = float(draw.uniform(*_BRIGHTNESS))
    size = max(1, round(height * scale)), max(1, round(width * scale))

    def move(array: Array) -> Array:
        found = resize(np.ascontiguousarray(array), size)
        found = found[:, ::-1] if mirrored else found
        return np.rot90(found, turns)

    image = np.round((move(piece.image).astype(np.float32) * brightness).clip(0, 255))
    return Piece(
        image=image.astype(np.uint8),
        maps={name: move(value) for name, value in piece.maps.items()},
        alpha=move(piece.alpha),
    )


def lay(
    piece: Piece, image: Image, maps: Mapping[str, Array], draw: np.random.Generator
) -> tuple[Image, dict[str, Array]]:
    """A sample with a piece at a random place; its centre lies inside the sample."""
    height, width = piece.alpha.shape
    top = int(draw.integers(image.shape[0])) - height // 2
    left = int(draw.integers(image.shape[1])) - width // 2
    rows = slice(max(0, top), min(image.shape[0], top + height))
    columns = slice(max(0, left), min(image.shape[1], left + width))
    inner = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    alpha = piece.alpha[inner]

    def blend(ground: Array, laid: Array) -> Array:
        a = alpha if ground.ndim == 2 else alpha[..., None]
        mixed = ground.astype(np.float32)
        mixed[rows, columns] += a * (laid[inner].astype(np.float32) - mixed[rows, columns])
        return mixed

    pasted = np.round(blend(image, piece.image)).astype(np.uint8)
    found: dict[str, Array] = {}
    for name, ground in maps.items():
        top_value = 255 if ground.dtype == np.uint8 else 1
        mixed = blend(ground, piece.maps[name] * np.float32(top_value))
        found[name] = np.round(mixed).astype(np.uint8) if top_value == 255 else mixed
    return pasted, found


def blank(like: Array, size: tuple[int, int]) -> Pixels:
    """The map of a scene without objects: 0, or for several classes all background.

    Args:
        like: a map of the same kind, which says how many classes there are.
        size: (H, W) of the scene.
    """
    made = np.zeros((*size, *like.shape[2:]), np.uint8)
    if like.ndim == 3:
        made[..., 0] = 255
    return made


def _unit(value: Array, size: tuple[int, int]) -> NDArray[np.float32]:
    """A map at another size, float32; uint8 becomes a fraction of 255."""
    scaled = resize(np.ascontiguousarray(value), size).astype(np.float32)
    return scaled / np.float32(255) if value.dtype == np.uint8 else scaled
