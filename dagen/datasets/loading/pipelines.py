"""Augmentation pipelines: named ones, and a user's own lists of transforms.

A pipeline is a name, names joined by ``+``, or a list of names and of transforms of albumentations
with their arguments. The draws of a sample depend on its own seed alone. Labels are moved with the
image by nearest neighbours, and are ignored (255) where a transform leaves the image; maps are
interpolated as their kinds declare, and are 0 there.

``none``, ``camera`` and ``strong`` are written in code (:mod:`~dagen.datasets.loading.transforms`,
:mod:`~dagen.datasets.loading.strong`) and can be part of a list, too.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagen.datasets.loading import library_transforms
from dagen.errors import UsageError, quoted, unknown
from dagen.types import IGNORE

if TYPE_CHECKING:
    from dagen.datasets.maps.base import Array, Resizing
    from dagen.types import Image, Label

Augment = str | tuple[str | Mapping[str, Any], ...]
"""A name, names joined by ``+``, or a list of names and transforms."""
WRITTEN = {
    "none": "images as they are cut",
    "camera": "shadow, motion blur, noise and JPEG blocks of a small camera",
    "strong": "turned by up to 25 degrees, colours changed",
}
"""The pipelines that are written in code."""


@dataclass(frozen=True)
class Named:
    """A named pipeline."""

    description: str
    transforms: tuple[Any, ...]


@cache
def named() -> dict[str, Named]:
    """The pipelines of ``pipelines.toml`` by name."""
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    return {
        name: Named(one["description"], tuple(one["transforms"]))
        for name, one in tomllib.loads(text).items()
    }


def descriptions() -> dict[str, str]:
    """What every named pipeline does."""
    return WRITTEN | {name: one.description for name, one in named().items()}


def expanded(augment: Augment) -> list[str | Mapping[str, Any]]:
    """The transforms of a pipeline, those written in code by name; names of pipelines are replaced.

    Raises:
        UsageError: an unknown pipeline, or an entry that is neither a name nor a transform.
    """
    entries = augment.split("+") if isinstance(augment, str) else augment
    found: list[str | Mapping[str, Any]] = []
    for entry in entries:
        if isinstance(entry, str):
            name = entry.strip()
            if name not in descriptions():
                raise unknown("augmentation", name, descriptions())
            if name in WRITTEN:
                found += [] if name == "none" else [name]
            else:
                found += expanded(named()[name].transforms)
        elif isinstance(entry, Mapping) and isinstance(entry.get("name"), str):
            found.append(entry)
        else:
            raise UsageError(
                f"augment has {quoted(entry)}; write the name of a pipeline, or a transform with "
                'its name, such as { name = "Affine", rotate = [-20, 20], p = 0.5 }.'
            )
    return found


def check(augment: Augment, size: tuple[int, int] = (48, 64)) -> None:
    """Refuse a pipeline whose transforms do not exist, get wrong arguments or change the size.

    Args:
        augment: the pipeline.
        size: height and width of training images.

    Raises:
        UsageError: the first one that does not work, and why.
    """
    for entry in expanded(augment):
        if not isinstance(entry, str):
            _check(json.dumps(entry, default=list), size)


@lru_cache(maxsize=256)  # the cells of a benchmark have the same few
def _check(entry: str, size: tuple[int, int]) -> None:
    library_transforms.check_transform(json.loads(entry), size)


def turning(augment: Augment) -> str | None:
    """The name of a transform that turns images over or by more than 45 degrees, if there is one.

    Args:
        augment: the pipeline, checked.
    """
    entries = (one for one in expanded(augment) if not isinstance(one, str))
    return next((one for each in entries for one in library_transforms.turning(each)), None)


class Pipeline:
    """A pipeline that changes samples.

    Args:
        augment: the pipeline, checked.
    """

    def __init__(self, augment: Augment) -> None:
        self._stages: list[Callable[..., Any]] = []
        library: list[Mapping[str, Any]] = []
        for entry in [*expanded(augment), "end"]:
            if not isinstance(entry, str):
                library.append(entry)
                continue
            if library:
                self._stages.append(_Library(library))
                library = []
            if entry != "end":
                self._stages.append(_camera if entry == "camera" else _strong)

    def __call__(
        self,
        image: Image,
        label: Label | None,
        maps: Mapping[str, Array],
        resized: Mapping[str, Resizing],
        seeds: Sequence[int],
    ) -> tuple[Image, Label | None, dict[str, Array]]:
        """A changed sample.

        Args:
            image: (H, W, 3) uint8.
            label: (H, W) uint8 ids, or None.
            maps: per-image maps by name.
            resized: how each is interpolated.
            seeds: the sample's own numbers, at least as many as there are entries.
        """
        found = dict(maps)
        for stage, seed in zip(self._stages, seeds, strict=False):
            image, label, found = stage(image, label, found, resized, seed)
        return image, label, found

    def __len__(self) -> int:
        """How many seeds a sample needs."""
        return len(self._stages)


class _Library:
    """Transforms of albumentations, built for labels and for each kind of map."""

    def __init__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        self._labels = library_transforms.compose(entries, library_transforms.NEAREST, IGNORE)
        self._maps = {
            "nearest": library_transforms.compose(entries, library_transforms.NEAREST, 0),
            "bilinear": library_transforms.compose(entries, library_transforms.LINEAR, 0),
        }

    def __call__(
        self,
        image: Image,
        label: Label | None,
        maps: Mapping[str, Array],
        resized: Mapping[str, Resizing],
        seed: int,
    ) -> tuple[Image, Label | None, dict[str, Array]]:
        import numpy as np

        plain = np.ascontiguousarray(image)

        def moved(transform: Any, mask: Any) -> Any:
            # The same seed draws the same changes, whatever is moved.
            transform.set_random_seed(seed)
            if mask is None:
                return transform(image=plain)
            return transform(image=plain, mask=np.ascontiguousarray(mask))

        out = moved(self._labels, label)
        found = {
            name: moved(self._maps["nearest" if resized[name] == "nearest" else "bilinear"], one)[
                "mask"
            ]
            for name, one in maps.items()
        }
        return np.asarray(out["image"], np.uint8), out.get("mask"), found


def _camera(
    image: Image, label: Label | None, maps: Any, resized: Any, seed: int
) -> tuple[Image, Label | None, Any]:
    import numpy as np

    from dagen.datasets.loading.transforms import camera

    return camera(image, np.random.default_rng(seed)), label, maps


def _strong(
    image: Image, label: Label | None, maps: Any, resized: Any, seed: int
) -> tuple[Image, Label | None, Any]:
    import numpy as np

    from dagen.datasets.loading.strong import Strong

    change = Strong.draw(np.random.default_rng(seed))
    moved = None if label is None else change.turned(label, "nearest")
    turned = {name: change.turned(one, resized[name]) for name, one in maps.items()}
    return change.coloured(change.turned(image)), moved, turned


def pipeline(augment: Augment) -> Pipeline:
    """The pipeline, built once per process."""
    return _pipeline(json.dumps(augment, default=list))


@lru_cache(maxsize=8)
def _pipeline(text: str) -> Pipeline:
    found = json.loads(text)
    return Pipeline(found if isinstance(found, str) else tuple(found))
