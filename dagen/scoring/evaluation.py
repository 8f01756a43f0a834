"""Scores a predictor on a data set: one confusion matrix at the labels' own resolution."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from dagen.datasets.base import Dataset
from dagen.datasets.loading import foreground
from dagen.datasets.reading.class_names import absent
from dagen.errors import DataError
from dagen.scoring.metrics import Scores
from dagen.scoring.predictor import Predictor, Probabilities
from dagen.system.distributed import ALONE, World
from dagen.types import Label

logger = logging.getLogger("dagen")


class NothingToScore(DataError):
    """A split whose labels are all ignored."""


def count(scores: Scores, answers: Iterable[tuple[Probabilities, Label]]) -> None:
    """Add predictions to a confusion matrix; no other code fills one.

    Args:
        scores: the counts to add to.
        answers: each image's class probabilities (C, H, W) and label (H, W) uint8, made one after
            the other: a prediction may depend on earlier images.

    Raises:
        DataError: sizes differ, or an unknown class id.
    """
    for probabilities, label in answers:
        scores.update(torch.from_numpy(probabilities), torch.from_numpy(label).long())


def scores_for(dataset: Dataset) -> Scores:
    """No counts yet, for a data set; classes that it does not have are left out of the means."""
    return Scores(dataset.task, absent(dataset.met().values(), dataset.task))


def evaluate(
    predictor: Predictor,
    dataset: Dataset,
    *,
    on_image: Callable[[], None] = lambda: None,
    place: World = ALONE,
) -> Scores:
    """Score a predictor on every image of a data set that has a label.

    Args:
        predictor: a predictor of the data set's task.
        dataset: a data set with labels.
        on_image: called after each of these images.
        place: this process; the others count their shares with :func:`shared_counts`.

    Raises:
        NothingToScore: every pixel of every label is ignored.
        DataError: an image or label is missing or damaged.
    """
    for remark in dataset.label_remarks():
        _warn_once(remark)
    labelled = dataset.labelled
    if len(labelled) < len(dataset):
        _warn_once(
            f"{len(labelled)} of the {len(dataset)} images of the split '{dataset.split}' in "
            f"{dataset.root} have labels; the scores are those of these {len(labelled)}."
        )
    scores, pixels = shared_counts(predictor, dataset, on_image=on_image, place=place)
    if problem := foreground.fault(dataset, pixels):
        told = f"the split '{dataset.split}' in {dataset.root} {problem}"
        if not scores.confusion.any():
            raise NothingToScore(told)
        _warn_once(f"{told} Its scores say nothing about objects.")
    return scores


def shared_counts(
    predictor: Predictor,
    dataset: Dataset,
    *,
    on_image: Callable[[], None] = lambda: None,
    place: World = ALONE,
) -> tuple[Scores, NDArray[np.int64]]:
    """The counts over all labelled images, each of which one process predicts.

    Args:
        predictor: see :func:`evaluate`; the same in all processes.
        dataset: the same in all processes, which call this together.
        on_image: called after each image of this process.
        place: this process.

    Returns:
        The confusion matrix, and the number of the labels' pixels with each id, (256,).
    """
    scores = scores_for(dataset)
    pixels = np.zeros(256, dtype=np.int64)
    for index in dataset.labelled[place.rank :: place.size]:
        label = dataset.label(index)
        count(scores, [(predictor(dataset.image(index)), label)])
        pixels += foreground.count(label)
        on_image()
    scores.confusion = place.total(scores.confusion)
    scores.calibration = place.total(scores.calibration)
    return scores, place.total(torch.from_numpy(pixels)).numpy()


@cache
def _warn_once(message: str) -> None:
    logger.warning(message)
