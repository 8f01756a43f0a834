"""Labelled objects and the share of each that a network found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from dagen.types import Label, Task


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
