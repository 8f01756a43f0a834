"""What can be said about an adapted network on a target without labels."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from dagen import plugins
from dagen.datasets.base import Dataset
from dagen.runs.findings import Unlabelled
from dagen.runs.plan import Plan
from dagen.scoring.predictor import mask
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.system.progress import Progress
from dagen.validators.base import Evidence, Validator
from dagen.validators.choice.judging import judge
from dagen.validators.choice.probes import target_probes

BEFORE, AFTER = 0, 1


def look(
    plan: Plan,
    dataset: Dataset,
    before: TorchPredictor | None,
    after: TorchPredictor,
    data_root: Path | None,
    progress: Progress,
) -> Unlabelled:
    """The share of pixels that changed, and the figures of validators that need no label.

    Args:
        plan: plan of an adapting run.
        dataset: the target's images that would be scored if they had labels.
        before: the network before adaptation, if there is one.
        after: the run's own network.
        data_root: the folder of all data sets.
        progress: shows the images done.

    Raises:
        DagenError: an image is missing or damaged.
    """
    bar = progress.task(f"comparing on {plan.config.tgt}", len(dataset))
    changed = None if before is None else _changed(dataset, before, after, bar.advance)
    names = [
        name
        for name in plugins.names("validators")
        if (kind := plugins.get("validators", name)).domains == {"target"}
        and kind.compare is Validator.compare  # the others rank many checkpoints
    ]
    probes = target_probes(plan, data_root)
    networks = [(AFTER, after)] if before is None else [(BEFORE, before), (AFTER, after)]
    judged = judge(((k, Evidence(each.network, probes)) for k, each in networks), names)
    figures = {
        name: {("before", "after")[step]: value for step, value in sorted(verdict.values.items())}
        for name, verdict in judged.verdicts.items()
        if verdict.values
    }
    return Unlabelled(len(dataset), changed, figures)


def _changed(
    dataset: Dataset,
    before: TorchPredictor,
    after: TorchPredictor,
    on_image: Callable[[], None],
) -> float:
    """The share of all pixels, from 0 to 1, that have another class than before."""
    changed = total = 0
    for index in range(len(dataset)):
        image = dataset.image(index)
        one, other = mask(before(image)), mask(after(image))
        changed += int((one != other).sum())
        total += one.size
        on_image()
    return changed / total if total else math.nan
