"""Which data sets a run is scored on, and a network's scores on all of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from torch import nn

from dagen.build import reads_source
from dagen.config import Config
from dagen.data import open_dataset
from dagen.evaluation import evaluate
from dagen.progress import Progress
from dagen.types import Task

if TYPE_CHECKING:
    from dagen.runtime import Runtime

logger = logging.getLogger("dagen")


def scored(config: Config) -> tuple[str, ...]:
    """The data sets that a run is scored on.

    A source-free run need not have the source: it is scored there only where ``score`` names it.
    """
    if reads_source(config):
        return config.scored
    return tuple(n for n in config.scored if n != config.src or n in (config.tgt, *config.score))


def scores_of(
    network: nn.Module,
    names: Sequence[str],
    task: Task,
    size: tuple[int, int],
    runtime: Runtime,
    progress: Progress,
    around: Callable[[str], AbstractContextManager[None]] = lambda name: nullcontext(),
) -> dict[str, dict[str, float]]:
    """The figures of a network on the ``val`` split of each data set that has labels.

    Args:
        network: on the device where it is to run.
        names: the data sets.
        task: the network's.
        size: height and width in pixels that its input covers.
        runtime: where the data lie.
        progress: shows a bar for each data set.
        around: context of the scoring on a data set.
    """
    scores: dict[str, dict[str, float]] = {}
    for name in names:
        dataset = open_dataset(name, "val", task, runtime.data_root)
        if not dataset.has_labels:
            logger.warning("%s has no labels here; it is not scored.", name)
            continue
        bar = progress.task(f"scoring on {name}", len(dataset))
        with around(name):
            scores[name] = evaluate(network, dataset, size, on_image=bar.advance).to_dict()
    return scores
