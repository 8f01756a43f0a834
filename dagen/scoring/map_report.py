"""What maps of photographs look like, and on which a teacher is likely wrong, without any label."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagen.datasets.base import Dataset
from dagen.datasets.maps.base import Array, Map, fitted
from dagen.types import Image

_DOUBTED = 0.6
"""Agreement below which a map is doubted."""
_EMPTY = 0.001
"""Coverage below which a map shows nothing."""
_WORST = -1.0
"""Where a photograph without an agreement stands in the order."""

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Look:
    """One photograph's maps.

    Attributes:
        index: position in the data set.
        name: the photograph's name.
        coverage: share of its pixels above one half, by teacher.
        agreement: IoU of the teachers' objects, or for one teacher of its objects in the
            photograph and in the mirrored one, in [0, 1]; None for one folder of maps, which has
            no second answer.
        doubt: why the maps are likely wrong; empty if nothing speaks against them.
    """

    index: int
    name: str
    coverage: Mapping[str, float]
    agreement: float | None
    doubt: str

    @property
    def order(self) -> tuple[bool, float, int]:
        """Sorts the doubtful photographs first, the most doubtful before the others."""
        return not self.doubt, _WORST if self.agreement is None else self.agreement, self.index


def foreground(kind: Map, image: Image, name: str) -> Plane:
    """(H, W) float32 in [0, 1]: how likely each pixel is an object, at the image's size."""
    return unit(fitted(kind.checked(image, name), image.shape))


def look(
    dataset: Dataset, maps: Mapping[str, Map], on_image: Callable[[], None] = lambda: None
) -> list[Look]:
    """Look at the maps of all images; no label is opened.

    Args:
        dataset: the photographs.
        maps: teachers by name, at least one.
        on_image: called after each photograph.

    Raises:
        DagenError: a photograph or a teacher is damaged, or a map is missing.
    """
    names = {dataset.image_key(index): dataset.name(index) for index in range(len(dataset))}
    for kind in maps.values():
        kind.require(names)
    found = []
    for index in range(len(dataset)):
        found.append(_look(dataset, index, maps))
        on_image()
    return found


def _look(dataset: Dataset, index: int, maps: Mapping[str, Map]) -> Look:
    name = dataset.name(index)
    shown = {title: unit(dataset.map_of(index, kind)) for title, kind in maps.items()}
    coverage = {title: float((plane > 0.5).mean()) for title, plane in shown.items()}
    planes = list(shown.values())
    kind = next(iter(maps.values()))
    if len(planes) == 1 and kind.looks:
        image = dataset.image(index)
        mirrored = np.ascontiguousarray(image[:, ::-1])
        planes.append(foreground(kind, mirrored, name)[:, ::-1])
    agreement = _agreement(planes) if len(planes) > 1 else None
    return Look(index, name, coverage, agreement, _doubt(coverage, agreement, len(maps)))


def _agreement(planes: Sequence[Plane]) -> float:
    found = np.stack(planes) > 0.5
    either = int(found.any(0).sum())
    return float(found.all(0).sum() / either) if either else 1.0


def _doubt(coverage: Mapping[str, float], agreement: float | None, teachers: int) -> str:
    if all(share < _EMPTY for share in coverage.values()):
        return "nothing found"
    if agreement is not None and agreement < _DOUBTED:
        return "the teachers disagree" if teachers > 1 else "another answer when mirrored"
    return ""


def unit(value: Array) -> Plane:
    """(H, W) float32 in [0, 1]: the foreground of a map."""
    whole = np.float32(255 if value.dtype == np.uint8 else 1)
    plane = np.asarray(value if value.ndim == 2 else value[..., 0], np.float32) / whole
    return plane if value.ndim == 2 else 1 - plane
