"""What a score is made of: which classes are mistaken for which, by size of object, by scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dagen.datasets.base import Dataset
from dagen.runs.figures import SUMMARY
from dagen.scoring.evaluation import count, scores_for
from dagen.scoring.found_objects import Object, by_size, objects
from dagen.scoring.metrics import Scores
from dagen.scoring.predictor import Predictor, mask

UNTAGGED = "no tag"
"""The scene of images that have none."""


@dataclass(frozen=True)
class Breakdown:
    """The parts of one network's score on one data set.

    Attributes:
        confusion: (C, C) numbers of pixels; rows are the truth, columns the prediction.
        sizes: by size of the object (:data:`dagen.scoring.found_objects.SIZES`), the number of
            ``objects``, and the mean shares of an object's pixels, 0 to 1, that are ``found`` as
            foreground and ``right`` in their class.
        scenes: by scene tag, the most frequent first, the number of ``images``, and their
            :data:`dagen.runs.figures.SUMMARY` as far as it is defined, 0 to 1. Empty if no image
            has a tag.
    """

    confusion: list[list[int]]
    sizes: dict[str, dict[str, float]]
    scenes: dict[str, dict[str, float]]


def break_down(
    predictor: Predictor, dataset: Dataset, on_image: Callable[[], None] = lambda: None
) -> Breakdown:
    """Predict every labelled image once, and count it in all parts that it belongs to.

    Args:
        predictor: a predictor of the data set's task.
        dataset: a data set with labels.
        on_image: called after each image.

    Raises:
        DataError: an image or label is missing or damaged.
    """
    scenes: dict[str, tuple[int, Scores]] = {}
    seen: list[Object] = []
    for index in dataset.labelled:
        label, probabilities = dataset.label(index), predictor(dataset.image(index))
        scene = dataset.scene(index) or UNTAGGED
        images, scores = scenes.get(scene, (0, scores_for(dataset)))
        count(scores, [(probabilities, label)])
        scenes[scene] = images + 1, scores
        seen += objects(label, [mask(probabilities)], dataset.task)
        on_image()
    total = scores_for(dataset).confusion
    for _, scores in scenes.values():
        total = total + scores.confusion
    return Breakdown(
        total.tolist(),
        {
            name: {
                "objects": len(inside),
                "found": float(np.mean([one.found[0] for one in inside])),
                "right": float(np.mean([one.right[0] for one in inside])),
            }
            for name, inside in by_size(seen).items()
        },
        {} if {*scenes} <= {UNTAGGED} else _figures(scenes),
    )


def _figures(scenes: dict[str, tuple[int, Scores]]) -> dict[str, dict[str, float]]:
    ordered = sorted(scenes.items(), key=lambda item: (-item[1][0], item[0]))
    return {name: {"images": images, **_summary(scores)} for name, (images, scores) in ordered}


def _summary(scores: Scores) -> dict[str, float]:
    every = scores.to_dict()
    return {name: every[name] for name in SUMMARY if name in every}
