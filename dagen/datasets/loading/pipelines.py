"""Augmentation pipelines: named ones, and a user's own lists of transforms.

A pipeline is a name, names joined by ``+``, or a list of names and of transforms of albumentations
with their arguments. The draws of a sample depend on its own seed alone. Labels are moved with the
image by nearest neighbours, and are ignored (255) where a transform leaves the image; maps are
interpolated as their kinds declare, and are 0 there.

``none``, ``camera`` and ``strong`` are written in code (:mod:`~dagen.datasets.loading.transforms`,
:mod:`~dagen.datasets.loading.strong`) and can be part of a list, too.
"""

from __future__ import annotations

import inspect
import json
import os
import tomllib
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagen.errors import UsageError, quoted, short, unknown

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
_GROUPS = ("OneOf", "SomeOf", "Sequential", "RandomOrder")
"""Transforms that hold others."""
_NEAREST, _LINEAR = 0, 1  # cv2.INTER_NEAREST, cv2.INTER_LINEAR
_IGNORE = 255


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


def check(augment: Augment) -> None:
    """Refuse a pipeline whose transforms do not exist, get wrong arguments or change the size.

    Raises:
        UsageError: the first one that does not work, and why.
    """
    for entry in expanded(augment):
        if not isinstance(entry, str):
            _check_transform(entry)


def _check_transform(entry: Mapping[str, Any]) -> None:
    import numpy as np

    name = entry["name"]
    if name in _GROUPS:
        for inner in _inner(entry):
            _check_transform(inner)
        _build(entry, _NEAREST, _IGNORE)
        return
    always = _compose([{**entry, "p": 1.0}], _NEAREST, _IGNORE)
    _build(entry, _NEAREST, _IGNORE)
    image = np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)
    label = np.zeros((48, 64), np.uint8)
    always.set_random_seed(0)
    try:
        out = always(image=image, mask=label)
    except Exception as error:  # whatever albumentations raises for what it cannot do
        raise UsageError(
            f"augment: {name} does not work on an image and its labels alone: "
            f"{short(str(error), 160)}."
        ) from None
    sizes = out["image"].shape, out["mask"].shape
    if sizes != (image.shape, label.shape) or out["image"].dtype != np.uint8:
        raise UsageError(
            f"augment: {name} changes the size or the type of an image; the training size is set "
            "with size, and cut by the window."
        )


def _inner(entry: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    inner = entry.get("transforms")
    if not isinstance(inner, list | tuple) or not inner:
        raise UsageError(f"augment: {entry['name']} needs transforms = [...], a list of them.")
    for one in inner:
        if not isinstance(one, Mapping) or not isinstance(one.get("name"), str):
            raise UsageError(
                f"augment: {entry['name']} holds {quoted(one)}; write a transform with its name."
            )
    return inner


def _build(entry: Mapping[str, Any], interpolation: int, fill: int) -> Any:
    """The transform of albumentations.

    Raises:
        UsageError: there is none of this name, or its arguments are wrong.
    """
    library = _albumentations()
    name = entry["name"]
    given = {key: value for key, value in entry.items() if key != "name"}
    if name in _GROUPS:
        given["transforms"] = [_build(one, interpolation, fill) for one in _inner(entry)]
    elif name not in _leaves():
        raise unknown("transform of albumentations", name, [*_leaves(), *_GROUPS])
    kind = getattr(library, name)
    takes = inspect.signature(kind).parameters
    for key in given:
        if key not in takes:
            raise unknown(f"argument of {name}", key, takes)
    usual = {"mask_interpolation": interpolation, "fill_mask": fill}
    given = {k: v for k, v in usual.items() if k in takes} | given
    try:
        with warnings.catch_warnings():
            # Where it warns, albumentations goes on with its defaults instead of what was given.
            warnings.simplefilter("error", UserWarning)
            return kind(**{key: _plain(value) for key, value in given.items()})
    except (ValueError, TypeError, UserWarning) as error:
        raise UsageError(f"augment: {name}: {short(_reason(error), 200)}.") from None


def _reason(error: Exception) -> str:
    """The first complaint, without the library's pages of help."""
    complaints = getattr(error.__cause__ or error.__context__ or error, "errors", None)
    if complaints is None:
        return str(error).splitlines()[0]
    first = complaints()[0]
    return f"{first['loc'][0]} is {quoted(first['input'])}: {first['msg']}"


def _plain(value: Any) -> Any:
    """Lists as tuples, because TOML has no tuples and albumentations wants ranges as such."""
    plain = isinstance(value, list) and not any(hasattr(one, "apply") for one in value)
    return tuple(map(_plain, value)) if plain else value


@cache
def _leaves() -> tuple[str, ...]:
    """The transforms of albumentations that hold no others."""
    library = _albumentations()
    return tuple(
        name
        for name, value in vars(library).items()
        if inspect.isclass(value)
        and issubclass(value, library.BasicTransform)
        and "apply" in dir(value)
        and not name.startswith("_")
        and not inspect.isabstract(value)
    )


def _albumentations() -> Any:
    # Albumentations asks the network for a newer version of itself when it is imported.
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations

    return albumentations


def _compose(entries: Sequence[Mapping[str, Any]], interpolation: int, fill: int) -> Any:
    return _albumentations().Compose([_build(one, interpolation, fill) for one in entries])


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
        self._labels = _compose(entries, _NEAREST, _IGNORE)
        self._maps = {
            "nearest": _compose(entries, _NEAREST, 0),
            "bilinear": _compose(entries, _LINEAR, 0),
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
