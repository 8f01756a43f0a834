"""Annotation files in the COCO format, checked when they are read."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import AliasChoices, BaseModel, Field, FiniteFloat, ValidationError

from dagen.datasets.base import Label
from dagen.datasets.reading import polygons
from dagen.datasets.reading.paths import check_spelling
from dagen.errors import DataError


class Runs(BaseModel):
    """Run lengths; a string of ``counts`` is COCO's compressed form, which is not read."""

    size: tuple[int, int]
    counts: list[int] | str


class ImageEntry(BaseModel):
    """One declared image; ``width`` and ``height`` are those of the upright image."""

    # The tool that wrote ReSORT-IT's own files calls it "image_id".
    id: int = Field(validation_alias=AliasChoices("id", "image_id"))
    file_name: str
    width: int
    height: int
    flickr_url: str | None = None
    flickr_640_url: str | None = None


class Instance(BaseModel):
    """One labelled object."""

    image_id: int
    category_id: int
    segmentation: list[list[FiniteFloat]] | Runs


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


@dataclass(frozen=True)
class Annotations:
    """An annotation file, indexed by ``file_name``."""

    path: Path
    images: dict[str, ImageEntry]
    instances: dict[int, list[Instance]]
    categories: dict[int, str]
    scenes: dict[int, str]

    def entry(self, file_name: str) -> ImageEntry:
        """The declaration of an image.

        Raises:
            DataError: the image is not declared.
        """
        if file_name not in self.images:
            raise DataError(
                f"{self.path} has no entry for the image '{file_name}': add it, or remove the "
                "image from the split."
            )
        return self.images[file_name]

    def draw(self, file_name: str, size: tuple[int, int], value_of: Callable[[str], int]) -> Label:
        """The label of one image: large objects first, so that the smaller one counts.

        Args:
            file_name: the image's name in the file.
            size: (H, W) of the upright image.
            value_of: from a category's name to its class id (255 is ignored).

        Raises:
            DataError: the image is not declared, or is of another size; a segmentation that
                cannot be drawn.
        """
        entry = self.entry(file_name)
        if (entry.height, entry.width) != size:
            raise DataError(
                f"{self.path} declares '{file_name}' as {entry.width}x{entry.height} (W x H), "
                f"but the upright image is {size[1]}x{size[0]}: get the image or the file again."
            )
        label = np.zeros(size, dtype=np.uint8)
        try:
            for instance in sorted(self.instances.get(entry.id, []), key=_area, reverse=True):
                _fill(label, instance, value_of(self.categories[instance.category_id]))
        except ValueError as error:
            raise DataError(f"{self.path}: in the image '{file_name}', {error}.") from None
        return label


def load(path: Path) -> Annotations:
    """Reads an annotation file.

    Raises:
        DataError: it is missing or not a COCO file, names an image twice or outside the data set's
            folder, or refers to an image or a category that it does not define.
    """
    try:
        document = Document.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"the annotation file {path} is missing: get the data again.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(
            f"{path} is not a valid COCO annotation file: {where}: {first['msg']}."
        ) from None
    _check_names(path, document)
    categories = {category.id: category.name for category in document.categories}
    known = {image.id for image in document.images}
    instances: defaultdict[int, list[Instance]] = defaultdict(list)
    for instance in document.annotations:
        if instance.image_id not in known or instance.category_id not in categories:
            raise DataError(
                f"{path} has an annotation of the image {instance.image_id} and the category "
                f"{instance.category_id}, which it does not both define."
            )
        instances[instance.image_id].append(instance)
    tags = {tag.id: tag.name for tag in document.scene_categories}
    scenes = {
        scene.image_id: tags[scene.background_ids[0]]
        for scene in document.scene_annotations
        if scene.background_ids and scene.background_ids[0] in tags
    }
    images = {image.file_name: image for image in document.images}
    return Annotations(path, images, dict(instances), categories, scenes)


def _check_names(path: Path, document: Document) -> None:
    names = [image.file_name for image in document.images]
    check_spelling(names, str(path))
    for what, values in (("file", names), ("image id", [image.id for image in document.images])):
        counted: Counter[str | int] = Counter(values)
        if twice := [str(value) for value, count in counted.items() if count > 1]:
            raise DataError(
                f"{path} defines {len(twice)} {what}(s) more than once ({', '.join(twice[:5])})."
            )


def _area(instance: Instance) -> float:
    segmentation = instance.segmentation
    if isinstance(segmentation, Runs):
        counts = segmentation.counts
        return polygons.runs_area(counts) if isinstance(counts, list) else 0.0
    return sum(polygons.polygon_area(polygon) for polygon in segmentation)


def _fill(label: Label, instance: Instance, value: int) -> None:
    segmentation = instance.segmentation
    if not isinstance(segmentation, Runs):
        # One by one, so that the parts of an object add up; one call would cut out overlaps.
        for polygon in segmentation:
            polygons.fill_polygon(label, polygon, value)
    elif isinstance(segmentation.counts, str):
        raise ValueError(
            "a mask is stored as compressed run lengths, which are not read: store polygons or "
            "uncompressed run lengths (a list of numbers)"
        )
    elif segmentation.size != label.shape:
        raise ValueError(
            f"a mask of run lengths is {segmentation.size} (H, W), but the image is {label.shape}"
        )
    else:
        polygons.fill_runs(label, segmentation.counts, value)
