"""The entries of an annotation file in the COCO format, as the tools write them."""

from __future__ import annotations

import sys
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, FiniteFloat

from dagen.datasets.reading.paths import folded, portable
from dagen.datasets.reading.run_lengths import decompress

_SHORT = 21
"""Characters of the longest compressed run lengths that are searched for pixels: three numbers."""


class Runs(BaseModel):
    """Run lengths; a string of ``counts`` is COCO's compressed form."""

    size: tuple[int, int]
    counts: list[int] | str


def _polygons(value: Any) -> Any:
    """A segmentation as a list of polygons, each a flat list of numbers, or as run lengths.

    Some tools write one polygon without the list around it, or corners as pairs.
    """
    if not isinstance(value, list):
        return value or None
    if value and all(_is_number(each) for each in value):
        return [value]
    if len(value) >= 3 and all(_is_pair(each) for each in value):
        return [_flat(value)]
    return [_flat(part) if _has_pairs(part) else part for part in value]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))


def _has_pairs(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_pair, value))


def _flat(pairs: list[list[float]]) -> list[float]:
    return [number for pair in pairs for number in pair]


def _box(value: Any) -> Any:
    """The box if it encloses pixels, else None: a spoilt box says no more than none."""
    sound = isinstance(value, list) and len(value) == 4 and all(map(_is_number, value))
    # Whole numbers of JSON may be larger than any float; NaN and the infinities fail this, too.
    finite = sound and all(abs(number) <= sys.float_info.max for number in value)
    return value if finite and min(value[2:]) > 0 else None


class ImageEntry(BaseModel):
    """One declared image; ``width`` and ``height`` are those of the upright image."""

    # The tool that wrote ReSORT-IT's own files calls it "image_id".
    id: int = Field(validation_alias=AliasChoices("id", "image_id"))
    file_name: Annotated[str, BeforeValidator(lambda v: portable(v) if isinstance(v, str) else v)]
    width: int
    height: int
    flickr_url: str | None = None
    flickr_640_url: str | None = None


class Instance(BaseModel):
    """One labelled object; its box is x, y, width and height in pixels."""

    image_id: int
    category_id: int
    segmentation: Annotated[list[list[FiniteFloat]] | Runs | None, BeforeValidator(_polygons)] = (
        None
    )
    bbox: Annotated[
        tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat] | None, BeforeValidator(_box)
    ] = None

    @property
    def has_outline(self) -> bool:
        """Whether there are run lengths with a pixel, or a polygon of at least three points."""
        shape = self.segmentation
        if isinstance(shape, Runs):
            return not _is_empty(shape.counts)
        if isinstance(shape, list):
            return any(len(polygon) >= 5 for polygon in shape)  # five is an error to report
        return False


def _is_empty(counts: list[int] | str) -> bool:
    """Whether run lengths have no pixel of an object; damaged ones are not empty, but an error."""
    if isinstance(counts, str):
        if len(counts) > _SHORT:
            return False
        try:
            counts = decompress(counts)
        except ValueError:
            return False
    return not any(counts[1::2])


class Named(BaseModel):
    """An id and its name."""

    id: int
    name: str


class SceneTags(BaseModel):
    """TACO's tags of the background of one image."""

    image_id: int
    background_ids: list[int]


class Document(BaseModel):
    """The parts of a COCO file that are used; the others are skipped."""

    images: list[ImageEntry]
    annotations: list[Instance] = []
    categories: list[Named] = []
    scene_annotations: list[SceneTags] = []
    scene_categories: list[Named] = []


def role_of(category: str) -> str | None:
    """``"background"`` or ``"ignore"`` for the categories by which tools mean no object.

    labelme writes ``_background_`` and ``__ignore__``; case and underscores around do not matter.
    """
    name = folded(category.strip().strip("_"))
    if name == "background":
        return "background"
    return "ignore" if name in ("ignore", "ignored") else None
