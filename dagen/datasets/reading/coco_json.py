"""Annotation files in the COCO format, checked when they are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from dagen.datasets.base import Label
from dagen.datasets.reading import polygons, run_lengths
from dagen.datasets.reading.coco_entries import Document, ImageEntry, Instance, Runs
from dagen.datasets.reading.coco_faults import faults, remarks
from dagen.datasets.reading.coco_packed import Images, Instances
from dagen.datasets.reading.names import NamesByKey
from dagen.datasets.reading.paths import canonical
from dagen.errors import DataError
from dagen.types import IGNORE


@dataclass(frozen=True)
class Annotations:
    """An annotation file, indexed by ``file_name``.

    Attributes:
        path: the file.
        images: the declared images by name, with ``/``.
        instances: the labelled objects by the id of their image.
        categories: names by id.
        scenes: TACO's scene tags by the id of the image, the first where it has several.
        faults: what is wrong with the file, one sentence each without its end; no label is read
            from a file with faults.
        remarks: what is said about annotations of which nothing is drawn, a sentence each.
    """

    path: Path
    images: Images
    instances: Instances
    categories: dict[int, str]
    scenes: dict[int, str]
    faults: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @cached_property
    def _by_spelling(self) -> NamesByKey:
        return NamesByKey(self.images, canonical)

    def require_sound(self) -> Annotations:
        """The same annotations.

        Raises:
            DataError: the file has faults; all are named.
        """
        if self.faults:
            raise DataError(f"{self.path} {'; it '.join(self.faults)}: correct the file.")
        return self

    def problems(self) -> Iterator[str]:
        """All that is wrong with the file, a sentence each."""
        yield from (f"{self.path} {fault}: correct the file." for fault in self.faults)
        yield from self.remarks

    def find(self, *names: str) -> ImageEntry | None:
        """The declaration of an image under the first of ``names`` that is declared.

        Composed and decomposed letters are the same, and so are ``.JPG`` and ``.jpg``.
        """
        for name in names:
            if entry := self.images.get(name):
                return entry
            if alike := self._by_spelling[canonical(name)]:
                return self.images[self.images.last(alike)]
        return None

    def entry(self, *names: str) -> ImageEntry:
        """The declaration of an image; see :meth:`find`.

        Raises:
            DataError: the image is not declared.
        """
        if entry := self.find(*names):
            return entry
        raise DataError(
            f"{self.path} has no entry for the image '{names[0]}': add it, or remove the "
            "image from the split."
        )

    def draw(
        self, entry: ImageEntry, size: tuple[int, int], value_of: Callable[[str], int]
    ) -> Label:
        """The label of one image: large objects first, so that the smaller one counts.

        An object without an outline lies somewhere in its box: the box is 255 where no outline of
        another object is drawn. Without a box this holds for the whole image.

        Args:
            entry: the declaration of the image.
            size: (H, W) of the upright image.
            value_of: from a category's name to its class id (255 is ignored).

        Raises:
            DataError: the image is of another size, or segmentations cannot be drawn; all are
                named.
        """
        if (entry.height, entry.width) != size:
            raise DataError(
                f"{self.path} declares '{entry.file_name}' as {entry.width}x{entry.height} "
                f"(W x H), but the upright image is {size[1]}x{size[0]}: get the image or the file "
                "again."
            )
        label = np.zeros(size, dtype=np.uint8)
        problems: dict[str, None] = {}
        shapes: list[tuple[float, Runs | list[list[float]], int]] = []
        for instance in self.instances.get(entry.id, []):
            value = value_of(self.categories[instance.category_id])
            if instance.segmentation is None or not instance.has_outline:
                if value:
                    _ignore_box(label, instance)
                continue
            try:
                shape = _plain(instance.segmentation)
                shapes.append((_area(shape), shape, value))
            except ValueError as error:
                problems[str(error)] = None
        for _, shape, value in sorted(shapes, key=lambda each: each[0], reverse=True):
            try:
                _fill(label, shape, value)
            except ValueError as error:
                problems[str(error)] = None
        if problems:
            raise DataError(
                f"{self.path}: in the image '{entry.file_name}', {'; '.join(problems)}."
            )
        return label


def read(path: Path) -> Annotations:
    """Reads an annotation file as far as it can be read; ``faults`` says what is wrong.

    Raises:
        DataError: it is missing or not a COCO file.
    """
    document = _document(path)
    categories = {category.id: category.name for category in document.categories}
    known = {image.id for image in document.images}
    instances = Instances(
        instance
        for instance in document.annotations
        if instance.image_id in known and instance.category_id in categories
    )
    tags = {tag.id: tag.name for tag in document.scene_categories}
    # TACO has ids without a name, also before those with one.
    scenes = {
        scene.image_id: tags[named[0]]
        for scene in document.scene_annotations
        if (named := [tag for tag in scene.background_ids if tag in tags])
    }
    return Annotations(
        path,
        Images(document.images),
        instances,
        categories,
        scenes,
        tuple(faults(document)),
        tuple(remarks(path, document)),
    )


def categories(path: Path) -> list[str]:
    """The names of an annotation file's categories, in the order of their ids.

    Raises:
        DataError: it is missing or not a COCO file.
    """
    return [name for _, name in sorted(read(path).categories.items())]


def load(path: Path) -> Annotations:
    """Reads an annotation file.

    Raises:
        DataError: it is missing or not a COCO file, names an image twice or outside the data set's
            folder, or refers to images or categories that it does not define; all are named.
    """
    return read(path).require_sound()


def _document(path: Path) -> Document:
    try:
        content = path.read_bytes()
        # Windows tools put a byte order mark before UTF-8, or write UTF-16.
        return Document.model_validate_json(content.decode(json.detect_encoding(content)))
    except FileNotFoundError:
        raise DataError(f"the annotation file {path} is missing: get the data again.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a valid COCO annotation file: {error}.") from None
    except ValidationError as error:
        raise DataError(f"{path} is not a valid COCO annotation file: {_wrong(error)}.") from None


def _wrong(error: ValidationError) -> str:
    """The entries of the wrong type: the first ones by name, and how many there are."""
    found: dict[str, str] = {}
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        where = ".".join(map(str, each["loc"][:3])) or "the file"
        found.setdefault(where, f"{where}: {each['msg']}")
    rest = f"; and {len(found) - 5} more" if len(found) > 5 else ""
    return "; ".join(list(found.values())[:5]) + rest


def _plain(segmentation: Runs | list[list[float]]) -> Runs | list[list[float]]:
    if isinstance(segmentation, Runs) and isinstance(segmentation.counts, str):
        counts = run_lengths.decompress(segmentation.counts)
        return Runs(size=segmentation.size, counts=counts)
    return segmentation


def _area(segmentation: Runs | list[list[float]]) -> float:
    if isinstance(segmentation, Runs):
        counts = segmentation.counts
        return run_lengths.runs_area(counts) if isinstance(counts, list) else 0.0
    return sum(polygons.polygon_area(polygon) for polygon in segmentation)


def _fill(label: Label, segmentation: Runs | list[list[float]], value: int) -> None:
    if not isinstance(segmentation, Runs):
        polygons.fill_polygons(label, segmentation, value)
    elif segmentation.size != label.shape:
        raise ValueError(
            f"a mask of run lengths is {segmentation.size} (H, W), but the image is {label.shape}"
        )
    elif isinstance(segmentation.counts, list):
        run_lengths.fill_runs(label, segmentation.counts, value)


def _ignore_box(label: Label, instance: Instance) -> None:
    """Every pixel that the object's box touches becomes 255; without a box, the whole image."""
    if instance.bbox is None:
        label[...] = IGNORE
        return
    height, width = label.shape
    x, y, w, h = instance.bbox
    left, right = np.clip([np.floor(x), np.ceil(x + w)], 0, width).astype(int)
    top, bottom = np.clip([np.floor(y), np.ceil(y + h)], 0, height).astype(int)
    label[top:bottom, left:right] = IGNORE
