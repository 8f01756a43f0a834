"""The common end of runs: the deployed file is read back, measured, scored, drawn and logged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import nn

from dagen.datasets.loading.opening import open_scored
from dagen.engine.classes import resolve
from dagen.engine.states import drop_states
from dagen.engine.unlabelled import look
from dagen.models.deployed.card import Card
from dagen.models.deployed.cost import profile
from dagen.models.deployed.file import read_card
from dagen.runs.baseline import expected_baseline
from dagen.runs.compiled import Compiled
from dagen.runs.config import Config
from dagen.runs.findings import Baseline, StreamScores
from dagen.runs.plan import Plan
from dagen.runs.resolved import Classes
from dagen.runs.results import MODEL, RunResult, sheet_of
from dagen.runs.runtime import Runtime
from dagen.runs.seen import seen_besides
from dagen.runs.selection import Selection
from dagen.scoring.false_alarms import false_alarms
from dagen.scoring.predictor import Predictor
from dagen.scoring.shared import scores_of
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.system.distributed import World
from dagen.system.progress import Progress
from dagen.tracking.recording import Tracked


@dataclass(frozen=True)
class Job:
    """One run and its place of execution.

    Attributes:
        plan: plan of the run.
        runtime: where and how to run.
        folder: folder of the run; it has the run's name.
        place: this process.
        baseline: the result that an adapted run is compared with, if it is known.
    """

    plan: Plan
    runtime: Runtime
    folder: Path
    place: World
    baseline: RunResult | None = None

    @property
    def config(self) -> Config:
        """The run's configuration."""
        return self.plan.config

    @cached_property
    def classes(self) -> Classes:
        """The run's classes, and what each data set calls them.

        Raises:
            DataError: a file that names classes is missing or damaged.
        """
        return resolve(self.plan, self.runtime.data_root)


@dataclass(frozen=True)
class Ending:
    """The facts of a run whose deployed file is written.

    Attributes:
        seconds: seconds of training.
        scores: scores that are known already, by data set.
        around: makes a context manager for scoring a network on a data set.
        selection: the choice among several checkpoints.
        stream: the scores of a run over a stream.
        teachers: digests of the teachers' files, by name.
        compiled: what compiling the student cost and saved.
    """

    seconds: float = 0.0
    scores: Mapping[str, dict[str, float]] = field(default_factory=dict)
    around: Callable[[nn.Module, str], AbstractContextManager[None]] = lambda network, name: (
        nullcontext()
    )
    selection: Selection | None = None
    stream: StreamScores | None = None
    teachers: Mapping[str, str] = field(default_factory=dict)
    compiled: Compiled | None = None


@dataclass(frozen=True)
class Sheets:
    """The prediction sheets of a run.

    Attributes:
        datasets: data sets; each gets a sheet if it was scored, and the target also without labels.
        before: predictors of the columns before the run's own, by title.
        title: title of the run's own column.
        caption: description of the run; it follows the data set's name.
    """

    datasets: tuple[str, ...]
    before: Mapping[str, Predictor]
    title: str
    caption: str


def card_of(job: Job) -> Card:
    """The metadata of a run's deployed file."""
    config, task = job.config, job.plan.task
    return Card(
        model=config.model,
        task=task.name,
        size=config.size,
        width=config.width,
        options=config.model_options,
        run=config.to_dict(),
        classes=task.classes,
        colours=task.colours,
        background=task.background,
        seen=seen_besides(job.plan, job.runtime.runs),
    )


def finish(job: Job, progress: Progress, ending: Ending, log: Tracked, sheets: Sheets) -> RunResult:
    """End a run whose deployed file is written: score, draw and log it; :func:`keep` saves it.

    Args:
        job: the run.
        progress: display for the scoring.
        ending: the facts so far.
        log: the run's open log.
        sheets: what to draw.

    Raises:
        DagenError: an image or label is damaged, or a file cannot be written.
    """
    from dagen.scoring.prediction_sheets import draw

    if job.plan.pretrains:
        result, _ = measure(job, progress, ending, job.config)
        log.result(result, None, [])
        return result
    baseline = job.baseline or expected_baseline(
        job.config, job.runtime.runs, job.runtime.data_root
    )
    result, shipped = measure(job, progress, ending, job.config, baseline)
    if (target := job.config.tgt) is not None and target not in result.scores:
        images = open_scored(target, job.plan.task, job.runtime.data_root)
        if not images.has_labels:
            before = next(
                (p for p in sheets.before.values() if isinstance(p, TorchPredictor)), None
            )
            if before is not None:
                before.network.to(job.place.device)
            seen = look(job.plan, images, before, shipped, job.runtime.data_root, progress)
            result = replace(result, unlabelled=seen)
    pictures = []
    for name in sheets.datasets:
        if name not in result.scores and (name != target or result.unlabelled is None):
            continue
        images = open_scored(name, job.plan.task, job.runtime.data_root)
        columns = {**sheets.before, sheets.title: shipped}
        caption = f"{name} {images.split}, {sheets.caption}"
        pictures.append(draw(images, columns, sheet_of(job.folder, name), caption=caption))
    log.result(result, baseline, pictures)
    return result


def keep(job: Job, result: RunResult) -> RunResult:
    """Save a result; the run is then finished and no longer needs its states."""
    result.save()
    drop_states(job.folder)
    return result


def measure(
    job: Job,
    progress: Progress,
    ending: Ending,
    config: Config,
    baseline: RunResult | None = None,
) -> tuple[RunResult, TorchPredictor]:
    """The cost and scores of the deployed file in a run's folder.

    Args:
        job: the run.
        progress: shows the scoring.
        ending: what is known so far.
        config: configuration in the result.
        baseline: the result to compare with.

    Returns:
        The result, not yet saved, and the scored network.

    Raises:
        DagenError: the file, an image or a label is missing or damaged.
    """
    plan = job.plan
    shipped = TorchPredictor.load(job.folder / MODEL, size=plan.config.size, start=plan.pretrains)
    cost = asdict(profile(shipped.network, plan.config.size, latency=False))
    cost["bytes"] = shipped.bytes  # the whole file, with its card
    shipped.network.to(job.place.device).to(memory_format=torch.channels_last)
    missing = [name for name in plan.scored if name not in ending.scores]
    found = {
        **ending.scores,
        **scores_of(
            shipped,
            missing,
            job.runtime.data_root,
            job.place,
            progress,
            lambda name: ending.around(shipped.network, name),
        ),
    }
    alarms = None
    if (empty := plan.config.empty) is not None:
        with ending.around(shipped.network, empty):
            alarms = false_alarms(shipped, empty, job.runtime.data_root, progress)
    card = read_card(job.folder / MODEL)
    result = RunResult(
        name=job.folder.name,
        folder=job.folder,
        config=config.to_dict(),
        scores={name: found[name] for name in plan.scored if name in found},
        profile={name: value for name, value in cost.items() if value is not None},
        seconds=ending.seconds,
        selection=ending.selection,
        stream=ending.stream,
        teachers=ending.teachers or None,
        classes=job.classes,
        seen=card.seen,
        false_alarms=alarms,
        compiled=ending.compiled,
        weights=card.weights,
        baseline=None if baseline is None else Baseline(baseline.name, baseline.scores),
    )
    return result, shipped
