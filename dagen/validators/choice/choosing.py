"""Chooses the checkpoint to deploy, and measures how well each validator would have chosen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from dagen.batch_norm import BatchNormPolicy
from dagen.datasets.loading.opening import open_scored
from dagen.models.base import Network
from dagen.runs.checks import applicable
from dagen.runs.config import Config
from dagen.runs.plan import Plan
from dagen.runs.selection import Candidate, Selection
from dagen.scoring.evaluation import NothingToScore
from dagen.scoring.shared import evaluate_shared
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.system.distributed import World
from dagen.system.progress import Progress
from dagen.validators.base import Evidence, Probes
from dagen.validators.choice import judging
from dagen.validators.choice.candidates import Candidates
from dagen.validators.choice.judging import Judgement


@dataclass(frozen=True)
class Choice:
    """The chosen checkpoint.

    Attributes:
        step: number of steps after which it was kept.
        selection: the selection, for the result.
        scores: its scores that are known already, by data set.
    """

    step: int
    selection: Selection
    scores: dict[str, dict[str, float]]


def choose(
    plan: Plan,
    candidates: Candidates,
    batch_norm: BatchNormPolicy,
    probes: Probes,
    *,
    place: World,
    data_root: Path | None,
    progress: Progress,
) -> Choice:
    """Judge all candidates, choose one, and only then read the target's ``val`` labels.

    Args:
        plan: plan of the run.
        candidates: the candidates, all of them written.
        batch_norm: the policy of the trained stack; it gets the chosen candidate's statistics.
        probes: the images to judge by.
        place: this process; the others help with the scoring.
        data_root: see :func:`dagen.datasets.loading.opening.root`.
        progress: progress display.

    Raises:
        DagenError: a candidate is missing or damaged, or an image or label is.
    """
    config = plan.config

    def load(step: int) -> Network:
        candidates.restore(step, batch_norm)
        network = candidates.load(step).to(place.device)
        return network.to(memory_format=torch.channels_last)

    bar = progress.task("judging checkpoints", len(candidates.steps))

    def shown() -> Iterator[tuple[int, Evidence]]:
        for step in candidates.steps:
            network = load(step)
            yield step, Evidence(network, probes, partial(batch_norm.swapped, network=network))
            bar.advance()

    judgement = judging.judge(shown(), applicable(probes.domains))
    chosen = judgement.pick(config.select)

    name = config.tgt or next(iter(config.score), None)
    scores: dict[int, dict[str, float]] = {}
    dataset = open_scored(name, plan.task, data_root) if name else None
    if name and dataset is not None and dataset.has_labels:
        bar = progress.task(f"scoring checkpoints on {name}", len(candidates.steps))
        for step in candidates.steps:
            network = load(step)
            with batch_norm.swapped("source" if name == config.src else "target", network):
                predictor = TorchPredictor(network, plan.task, config.size, name=config.model)
                try:
                    found = evaluate_shared(predictor, name, dataset, place)
                except NothingToScore:
                    break  # said when the chosen checkpoint is scored
            scores[step] = found.to_dict()
            bar.advance()
    candidates.restore(chosen, batch_norm)
    return Choice(
        chosen,
        _selection(config, judgement, chosen, scores, name),
        {name: scores[chosen]} if name and scores else {},
    )


def _selection(
    config: Config,
    judgement: Judgement,
    chosen: int,
    scores: dict[int, dict[str, float]],
    name: str | None,
) -> Selection:
    verdicts = judgement.verdicts
    return Selection(
        select=config.select,
        step=chosen,
        scored_on=name if scores else None,
        forwards_per_candidate=judgement.forwards,
        not_applicable={v: one.reason for v, one in verdicts.items() if one.reason},
        picks=judging.picks(judgement, scores),
        candidates=tuple(
            Candidate(
                step,
                scores.get(step, {}),
                {v: one.values[step] for v, one in verdicts.items() if step in one.values},
            )
            for step in judgement.steps
        ),
    )
