"""What is wrong with an annotation file in the COCO format, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from dagen.datasets.reading.coco_entries import Document, ImageEntry, Instance
from dagen.datasets.reading.paths import spelling_fault


def faults(document: Document) -> Iterator[str]:
    """Entries that contradict each other: ends of sentences that begin with the file's name."""
    files = [image.file_name for image in document.images]
    images = [image.id for image in document.images]
    categories = [category.id for category in document.categories]
    if fault := spelling_fault(files):
        yield fault
    for what, values in (("file", files), ("image id", images), ("category id", categories)):
        counted: Counter[str | int] = Counter(values)
        if twice := [value for value, count in counted.items() if count > 1]:
            yield f"defines {len(twice)} {what}(s) more than once ({_some(twice)})"
    for what, plural, wanted, known in (
        ("image", "images", [each.image_id for each in document.annotations], {*images}),
        ("category", "categories", [each.category_id for each in document.annotations],
         {*categories}),
    ):  # fmt: skip
        absent = [number for number in wanted if number not in known]
        if absent:
            yield (
                f"has {len(absent)} annotation(s) of {plural} that it does not define "
                f"({what} {_some(dict.fromkeys(absent))})"
            )


def remarks(path: Path, document: Document) -> Iterator[str]:
    """Annotations of which nothing is drawn: sentences for the user.

    Args:
        path: the file.
        document: its content.
    """
    images = {image.id: image for image in document.images}
    told = f"of {len(document.annotations)} annotation(s) in {path}"
    if bare := [each for each in document.annotations if not each.has_outline]:
        boxless = sum(each.bbox is None for each in bare)
        whole = (
            f"; {boxless} of them have no box either, so their whole image is" if boxless else ""
        )
        yield (
            f"{len(bare)} {told} have no outline (in {_places(bare, images)}): the pixels in their "
            f"boxes are ignored{whole}. Draw outlines to train on them."
        )
    outside = [
        each
        for each in document.annotations
        if each.image_id in images and _is_outside(each, images[each.image_id])
    ]
    if outside:
        yield (
            f"{len(outside)} {told} lie outside their image (in {_places(outside, images)}): "
            "nothing of them is drawn. Correct their coordinates, or remove them."
        )


def _is_outside(instance: Instance, image: ImageEntry) -> bool:
    """Whether all corners of an object lie beyond one edge of its image."""
    shape = instance.segmentation
    if not isinstance(shape, list) or not instance.has_outline:
        return False
    x = [value for polygon in shape for value in polygon[0::2]]
    y = [value for polygon in shape for value in polygon[1::2]]
    return max(x) < 0 or max(y) < 0 or min(x) >= image.width or min(y) >= image.height


def _places(found: Iterable[Instance], images: dict[int, ImageEntry]) -> str:
    names = (images[each.image_id].file_name for each in found if each.image_id in images)
    return _some(dict.fromkeys(names))


def _some(values: Iterable[object]) -> str:
    listed = [str(value) for value in values]
    return ", ".join(listed[:10]) + (", ..." if len(listed) > 10 else "")
