"""Scoring in a run of several processes: rank 0 says what to score, and each takes its share.

Rank 0 calls :func:`evaluate_shared` as it goes, and :func:`dismiss` at the end; the others are in
:func:`help_scoring` meanwhile. So only rank 0 knows what is missing and in which order it comes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import copy, deepcopy
from pathlib import Path

import torch

from dagen.datasets.base import Dataset
from dagen.datasets.loading.opening import open_scored
from dagen.scoring.evaluation import NothingToScore, evaluate, shared_counts
from dagen.scoring.metrics import Scores
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.system.distributed import World
from dagen.system.progress import Progress

logger = logging.getLogger("dagen")


def evaluate_shared(
    predictor: TorchPredictor,
    name: str,
    dataset: Dataset,
    place: World,
    *,
    on_image: Callable[[], None] = lambda: None,
) -> Scores:
    """Score a predictor with the help of all processes. Rank 0 only.

    Args:
        predictor: the network as it is now, running statistics included.
        name: name of the data set, which the others open by it.
        dataset: its images that are scored.
        place: this process.
        on_image: called after each image of this process.

    Raises:
        NothingToScore: every pixel of every label is ignored.
        DataError: an image or label is missing or damaged.
    """
    if place.size > 1:
        sent = copy(predictor)
        sent.network = deepcopy(predictor.network).cpu()
        place.tell((sent, name))
    return evaluate(predictor, dataset, on_image=on_image, place=place)


def dismiss(place: World) -> None:
    """Let the others go on; everything is scored. Rank 0 only."""
    place.tell(None)


def help_scoring(place: World, data_root: Path | None) -> None:
    """Score shares of what rank 0 asks for, until it dismisses this process.

    Args:
        place: this process, of a rank above 0.
        data_root: see :func:`dagen.datasets.loading.opening.root`.

    Raises:
        DataError: an image or label is missing or damaged.
    """
    while (asked := place.told()) is not None:
        predictor, name = asked
        predictor.network.to(place.device).to(memory_format=torch.channels_last)
        shared_counts(predictor, open_scored(name, predictor.task, data_root), place=place)


def scores_of(
    predictor: TorchPredictor,
    names: Sequence[str],
    data_root: Path | None,
    place: World,
    progress: Progress,
    around: Callable[[str], AbstractContextManager[None]] = lambda name: nullcontext(),
) -> dict[str, dict[str, float]]:
    """Its scores on the ``val`` split of each data set that has labels.

    Args:
        predictor: a predictor, on the device where it runs.
        names: the data sets.
        data_root: see :func:`dagen.datasets.loading.opening.root`.
        place: this process; the others help (:func:`help_scoring`).
        progress: display that gets a bar for each data set.
        around: makes a context manager for the scoring on a data set.

    Raises:
        DagenError: a data set, an image or a label is missing or damaged.
    """
    scores: dict[str, dict[str, float]] = {}
    for name in names:
        dataset = open_scored(name, predictor.task, data_root)
        if not dataset.has_labels:
            logger.warning("%s has no labels here; it is not scored.", name)
            continue
        own = len(dataset.labelled[:: place.size])
        bar = progress.task(f"scoring on {name}", own)
        with around(name):
            try:
                found = evaluate_shared(predictor, name, dataset, place, on_image=bar.advance)
            except NothingToScore as error:
                logger.warning("%s is not scored: %s", name, error)
            else:
                scores[name] = found.to_dict()
    return scores
