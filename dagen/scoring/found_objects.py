"""Labelled objects and the share of each that a network found."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from dagen.types import Label, Task

SIZES: dict[str, float] = {"< 0.1 %": 0.001, "0.1–0.5 %": 0.005, "0.5–2 %": 0.02, "2–8 %": 0.08,
                           "> 8 %": math.inf}  # fmt: skip
"""Upper ends of an object's share of its image, by name."""


@dataclass(frozen=True)
class Object:
    """One labelled object.

    Attributes:
        label: its class id.
        share: share of the image's pixels that it covers, 0 to 1.
        found: share of its pixels that each network predicts as foreground of any class.
        right: share of its pixels that each network predicts as the object's class.
    """

    label: int
    share: float
    found: tuple[float, ...]
    right: tuple[float, ...]


def objects(label: Label, predictions: Sequence[Label], task: Task) -> list[Object]:
    """The connected regions of every class but the background.

    Pixel labels cannot separate touching objects of one class; such a pair is one region here.
    Ignored pixels belong to no region.

    Args:
        label: (H, W) uint8 truth.
        predictions: (H, W) uint8 prediction of each network.
        task: what is segmented; each of its foreground classes is looked for.
    """
    seen: list[Object] = []
    for class_ in task.foreground:
        mask = (label == class_).astype(np.uint8)
        if not mask.any():
            continue
        count, regions = cv2.connectedComponents(mask, connectivity=8)
        inside = mask.astype(bool)
        of = regions[inside]
        first = task.foreground.start
        area = np.bincount(of, minlength=count)
        shares = [
            (
                np.bincount(of, answer[inside] >= first, count) / np.maximum(area, 1),
                np.bincount(of, answer[inside] == class_, count) / np.maximum(area, 1),
            )
            for answer in predictions
        ]
        seen += [
            Object(
                class_,
                float(area[region] / label.size),
                tuple(float(found[region]) for found, _ in shares),
                tuple(float(right[region]) for _, right in shares),
            )
            for region in range(1, count)
        ]
    return seen


def by_size(seen: Iterable[Object]) -> dict[str, list[Object]]:
    """The objects by the share of their image that they cover, small ones first.

    Args:
        seen: objects of any images.

    Returns:
        Lists by the names of :data:`SIZES`; sizes without an object are left out.
    """
    groups: dict[str, list[Object]] = {name: [] for name in SIZES}
    for one in seen:
        groups[next(name for name, end in SIZES.items() if one.share < end)].append(one)
    return {name: inside for name, inside in groups.items() if inside}
