"""The entries of an annotation file in little memory, each made again when it is asked for.

A million images and their outlines are tens of millions of objects of Python, which every process
that makes batches would copy (see :mod:`~dagen.datasets.reading.names`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter
from typing import Any

from dagen.datasets.reading.coco_entries import ImageEntry, Instance, Runs
from dagen.datasets.reading.names import Keys, Names


class _Table:
    """Values of JSON by key, in their order."""

    def __init__(self, items: Mapping[str, list[Any]]) -> None:
        self.keys = Keys(items)
        self._values = Names(map(json.dumps, items.values()))

    def place(self, key: str) -> int:
        """The place of a key in the order; KeyError if there is none."""
        for place in self.keys.places(key):
            return place
        raise KeyError(key)

    def __getitem__(self, key: str) -> Any:
        return json.loads(self._values[self.place(key)])


class Images(Mapping[str, ImageEntry]):
    """Declared images by name, in the order of the file."""

    def __init__(self, entries: Iterable[ImageEntry]) -> None:
        """Pack ``entries``; of two with one name, the last counts."""
        self._table = _Table({
            e.file_name: [e.id, e.width, e.height, e.flickr_url, e.flickr_640_url]
            for e in entries
        })  # fmt: skip

    def __getitem__(self, name: str) -> ImageEntry:
        number, width, height, address, small = self._table[name]
        return ImageEntry.model_construct(
            id=number,
            file_name=name,
            width=width,
            height=height,
            flickr_url=address,
            flickr_640_url=small,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._table.keys)

    def __len__(self) -> int:
        return len(self._table.keys)

    def last(self, names: Iterable[str]) -> str:
        """The one of several names that comes last in the file."""
        return max(names, key=self._table.place)


class Instances(Mapping[int, list[Instance]]):
    """Labelled objects by the id of their image.

    Attributes:
        categories: ids of the categories that have an object.
    """

    def __init__(self, found: Iterable[Instance]) -> None:
        """Pack ``found``; those of one image keep their order."""
        ordered = sorted(found, key=attrgetter("image_id"))
        self.categories = frozenset(one.category_id for one in ordered)
        self._table = _Table({
            str(number): [_plain(one) for one in group]
            for number, group in groupby(ordered, attrgetter("image_id"))
        })  # fmt: skip

    def __getitem__(self, image: int) -> list[Instance]:
        return [_whole(image, *each) for each in self._table[str(image)]]

    def __iter__(self) -> Iterator[int]:
        return map(int, self._table.keys)

    def __len__(self) -> int:
        return len(self._table.keys)


def _plain(one: Instance) -> list[Any]:
    shape = one.segmentation
    runs = {"size": shape.size, "counts": shape.counts} if isinstance(shape, Runs) else shape
    return [one.category_id, runs, one.bbox]


def _whole(image: int, category: int, shape: Any, box: list[float] | None) -> Instance:
    """The entry that was packed, which was checked then."""
    if isinstance(shape, dict):
        shape = Runs.model_construct(size=tuple(shape["size"]), counts=shape["counts"])
    return Instance.model_construct(
        image_id=image,
        category_id=category,
        segmentation=shape,
        bbox=None if box is None else (box[0], box[1], box[2], box[3]),
    )
