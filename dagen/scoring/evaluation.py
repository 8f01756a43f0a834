"""Scores a predictor on a data set: one confusion matrix at the labels' own resolution."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch

from dagen.datasets.base import Dataset
from dagen.datasets.loading.opening import open_dataset
from dagen.runs.runtime import Runtime
from dagen.scoring.metrics import Scores
from dagen.scoring.predictor import Predictor, Probabilities
from dagen.system.progress import Progress
from dagen.types import Label

logger = logging.getLogger("dagen")


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


def evaluate(
    predictor: Predictor, dataset: Dataset, *, on_image: Callable[[], None] = lambda: None
) -> Scores:
    """Score a predictor on every image of a data set.

    Args:
        predictor: a predictor of the data set's task.
        dataset: a data set with labels.
        on_image: called after each image.

    Raises:
        DataError: an image or label is missing or damaged.
    """
    scores = Scores(dataset.task)
    for index in range(len(dataset)):
        count(scores, [(predictor(dataset.image(index)), dataset.label(index))])
        on_image()
    return scores


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
        dataset = open_dataset(name, "val", predictor.task, runtime.data_root)
        if not dataset.has_labels:
            logger.warning("%s has no labels here; it is not scored.", name)
            continue
        bar = progress.task(f"scoring on {name}", len(dataset))
        with around(name):
            scores[name] = evaluate(predictor, dataset, on_image=bar.advance).to_dict()
    return scores
