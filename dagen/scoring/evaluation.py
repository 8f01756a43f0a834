"""Scores a predictor on a data set: one confusion matrix at the labels' own resolution."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache

import numpy as np
import torch

from dagen.datasets.base import Dataset
from dagen.datasets.loading import foreground
from dagen.datasets.loading.opening import open_scored
from dagen.datasets.reading.class_names import absent
from dagen.errors import DataError
from dagen.runs.runtime import Runtime
from dagen.scoring.metrics import Scores
from dagen.scoring.predictor import Predictor, Probabilities
from dagen.system.progress import Progress
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
    predictor: Predictor, dataset: Dataset, *, on_image: Callable[[], None] = lambda: None
) -> Scores:
    """Score a predictor on every image of a data set that has a label.

    Args:
        predictor: a predictor of the data set's task.
        dataset: a data set with labels.
        on_image: called after each of these images.

    Raises:
        NothingToScore: every pixel of every label is ignored.
        DataError: an image or label is missing or damaged.
    """
    scores = scores_for(dataset)
    pixels = np.zeros(256, dtype=np.int64)
    for remark in dataset.label_remarks():
        _warn_once(remark)
    labelled = dataset.labelled
    if len(labelled) < len(dataset):
        _warn_once(
            f"{len(labelled)} of the {len(dataset)} images of the split '{dataset.split}' in "
            f"{dataset.root} have labels; the scores are those of these {len(labelled)}."
        )
    for index in labelled:
        label = dataset.label(index)
        count(scores, [(predictor(dataset.image(index)), label)])
        pixels += foreground.count(label)
        on_image()
    if problem := foreground.fault(dataset, pixels):
        told = f"the split '{dataset.split}' in {dataset.root} {problem}"
        if not scores.confusion.any():
            raise NothingToScore(told)
        _warn_once(f"{told} Its scores say nothing about objects.")
    return scores


@cache
def _warn_once(message: str) -> None:
    logger.warning(message)


def scores_of(
    predictor: Predictor,
    names: Sequence[str],
    runtime: Runtime,
    progress: Progress,
    around: Callable[[str], AbstractContextManager[None]] = lambda name: nullcontext(),
) -> dict[str, dict[str, float]]:
    """The scores of a predictor on the ``val`` split of each data set that has labels.

    Args:
        predictor: a predictor, on the device where it runs.
        names: the data sets.
        runtime: says where the data sets are.
        progress: display that gets a bar for each data set.
        around: makes a context manager for the scoring on a data set.

    Raises:
        DagenError: a data set, an image or a label is missing or damaged.
    """
    scores: dict[str, dict[str, float]] = {}
    for name in names:
        dataset = open_scored(name, predictor.task, runtime.data_root)
        if not dataset.has_labels:
            logger.warning("%s has no labels here; it is not scored.", name)
            continue
        bar = progress.task(f"scoring on {name}", len(dataset.labelled))
        with around(name):
            try:
                scores[name] = evaluate(predictor, dataset, on_image=bar.advance).to_dict()
            except NothingToScore as error:
                logger.warning("%s is not scored: %s", name, error)
    return scores
