"""Transforms of albumentations from their names and arguments, checked before a run.

A label is moved by nearest neighbours and ignored (255) where a transform leaves the image, unless
the arguments say otherwise.
"""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from dagen.errors import UsageError, quoted, short, unknown
from dagen.types import IGNORE

NEAREST, LINEAR = 0, 1
"""How masks are interpolated: ``cv2.INTER_NEAREST`` and ``cv2.INTER_LINEAR``."""
_GROUPS = ("OneOf", "SomeOf", "Sequential", "RandomOrder")
"""Transforms that hold others."""
_OVER = ("VerticalFlip", "RandomRotate90", "Transpose", "D4", "SquareSymmetry")
"""Transforms that swap above and below, or turn by a quarter."""
_ANGLES = {"Rotate": "limit", "SafeRotate": "limit", "Affine": "rotate"}
"""Transforms that turn by degrees, and where they keep the range."""
_UPRIGHT = 45
_DRAWS = 16
"""How many draws are tried: some change the size, as every other turn by a quarter does."""


def check_transform(entry: Mapping[str, Any], size: tuple[int, int]) -> None:
    """Refuse a transform that does not exist, gets wrong arguments, fails or changes the size.

    Args:
        entry: its name under ``name``, and its arguments.
        size: height and width of training images.

    Raises:
        UsageError: what does not work, and why.
    """
    name = entry["name"]
    if name in _GROUPS:
        for inner in _inner(entry):
            check_transform(inner, size)
        _build(entry, NEAREST, IGNORE)
        return
    always = compose([{**entry, "p": 1.0}], NEAREST, IGNORE)
    _build(entry, NEAREST, IGNORE)
    for seed in range(_DRAWS):
        _try(name, always, seed, size)


def _try(name: str, transform: Any, seed: int, size: tuple[int, int]) -> None:
    """Refuse a transform that fails on a sample, or whose draw depends on the label."""
    import numpy as np

    image = np.arange(size[0] * size[1] * 3).astype(np.uint8).reshape(*size, 3)
    label = np.zeros(size, np.uint8)
    label[size[0] // 3 : size[0] // 2, size[1] // 3 : size[1] // 2] = 1
    try:
        transform.set_random_seed(seed)
        out = transform(image=image, mask=label)
        transform.set_random_seed(seed)
        alone = transform(image=image)["image"]
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
    if not np.array_equal(out["image"], alone):
        raise UsageError(
            f"augment: {name} changes an image by its label, and most images of a target have "
            "none; leave it out."
        )


def turning(entry: Mapping[str, Any]) -> Iterator[str]:
    """The names of the transforms in an entry that turn images over, or by over 45 degrees."""
    name = entry["name"]
    if name in _GROUPS:
        for inner in _inner(entry):
            yield from turning(inner)
    elif name in _OVER:
        yield name
    elif name in _ANGLES:
        built = _build(entry, NEAREST, IGNORE)
        if max(map(abs, getattr(built, _ANGLES[name]))) > _UPRIGHT:
            yield name


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
    except Exception as error:  # whatever albumentations raises for what it does not take
        raise UsageError(f"augment: {name}: {short(_reason(error).rstrip('. '), 200)}.") from None


def _reason(error: Exception) -> str:
    """The first complaint, without the library's pages of help."""
    complaints = getattr(error.__cause__ or error.__context__ or error, "errors", None)
    if complaints is None:
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    first = complaints()[0]
    if first["type"] == "missing":
        return f"{first['loc'][0]} is missing; give it"
    at = f"{first['loc'][0]} is {quoted(first['input'])}: " if first["loc"] else ""
    return f"{at}{first['msg']}".rstrip(".")


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
        and not name.startswith(("_", "Basic"))
        and not inspect.isabstract(value)
    )


def _albumentations() -> Any:
    # Albumentations asks the network for a newer version of itself when it is imported.
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations

    return albumentations


def compose(entries: Sequence[Mapping[str, Any]], interpolation: int, fill: int) -> Any:
    """Transforms as one, which changes an image and a mask.

    Args:
        entries: each as for :func:`check_transform`.
        interpolation: of the mask, unless a transform says otherwise.
        fill: value of the mask where a transform leaves the image, unless it says otherwise.

    Raises:
        UsageError: there is no such transform, or its arguments are wrong.
    """
    return _albumentations().Compose([_build(one, interpolation, fill) for one in entries])
