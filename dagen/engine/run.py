"""One run, or an adapted run beside its baseline: planned, checked, executed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dagen.engine.checks import check_files
from dagen.engine.classes import check_settled, settle_classes
from dagen.engine.finishing import Job
from dagen.engine.init_baseline import score_init
from dagen.engine.known_data import scores_hold, settle_data
from dagen.engine.known_precision import check_precision
from dagen.engine.states import drop_states
from dagen.engine.stream_run import StreamRun
from dagen.engine.training_run import TrainingRun
from dagen.errors import DagenError, UsageError
from dagen.models.deployed.file import read_deployed
from dagen.runs import results
from dagen.runs.config import Config
from dagen.runs.findings import Baseline
from dagen.runs.plan import Plan, plan_run
from dagen.runs.results import LOCK, RunResult
from dagen.runs.runtime import Runtime
from dagen.runs.starts import is_start, starting
from dagen.system.distributed import World, world
from dagen.system.drafts import sweep
from dagen.system.files import empty_folder, make_folder
from dagen.system.locks import exclusive
from dagen.validators.choice.candidates import FOLDER as CANDIDATES

logger = logging.getLogger("dagen")


@dataclass(frozen=True)
class Comparison:
    """An adapted run beside its baseline.

    Attributes:
        baseline: source-only, or for a source-free run the checkpoint that it starts from.
        adapted: the run itself.
        source_free: whether the run used no source image.
    """

    baseline: RunResult
    adapted: RunResult
    source_free: bool = False

    @property
    def result(self) -> RunResult:
        """The adapted run with its baseline, also if an older version wrote the result."""
        return replace(self.adapted, baseline=Baseline(self.baseline.name, self.baseline.scores))


def run_pair(config: Config, runtime: Runtime) -> Comparison:
    """The baseline and the adapted run, one after the other; finished ones are not run again.

    A source-free run trains no source-only network: its baseline is the checkpoint that it
    starts from.

    Raises:
        DagenError: any error that a user can fix, in one line.
    """
    if config.tgt is None:
        raise UsageError("adapting needs a target; give --tgt, such as --tgt taco.")
    with world(runtime.device) as place:
        plan = plan_run(config, place.size, runtime.data_root, runtime.runs)
        if plan.pretrains:
            raise UsageError(
                f"'{plan.parts.pretrains}' makes a start for other runs, not an adapted network; "
                "run it with `dagen pretrain`, and start from it with --init."
            )
        if runtime.fresh or results.intact(runtime.runs / config.name) is None:
            check_files(plan, runtime)  # before the baseline is trained in vain
        _check_strategy(config)
        source_free = config.init is not None and not plan.reads_source
        if source_free:
            baseline = score_init(plan, runtime, place)
        else:
            alone = plan_run(config.source_only(), place.size, runtime.data_root)
            baseline = _run(alone, runtime, place)
        return Comparison(baseline, _run(plan, runtime, place, baseline), source_free)


def _check_strategy(config: Config) -> None:
    alike = ("tgt", "score", "batch_norm", "select", "candidates")
    kept = {name: getattr(config, name) for name in alike}
    if replace(config.source_only(), **kept) == config:  # not even labels of the target
        raise UsageError(
            "adapting needs a strategy; give --method, such as --method best (`dagen list methods` "
            "names all), or train on the source alone with `dagen train`."
        )


def pretrain(config: Config, runtime: Runtime) -> RunResult:
    """A start for other runs, from unlabelled images of both domains; see :func:`run`.

    Raises:
        UsageError: the strategy does not pre-train.
        DagenError: any other error that a user can fix, in one line.
    """
    if not is_start({"method": config.method}):
        raise UsageError(
            f"{'+'.join(config.method)} does not pre-train; allowed: {', '.join(starting())}. Run "
            "it with `dagen adapt` or `dagen train`."
        )
    return run(config, runtime)


def run(config: Config, runtime: Runtime, *, baseline: RunResult | None = None) -> RunResult:
    """One run: resumed where an earlier attempt stopped, or its result if it is finished.

    Args:
        config: configuration of the run.
        runtime: where and how to run.
        baseline: result that an adapted run is compared with; shown beside it in its images.

    Raises:
        DagenError: any error that a user can fix, in one line.
    """
    with world(runtime.device) as place:
        return _run(
            plan_run(config, place.size, runtime.data_root, runtime.runs), runtime, place, baseline
        )


def _run(
    plan: Plan, runtime: Runtime, place: World, baseline: RunResult | None = None
) -> RunResult:
    folder = runtime.runs / plan.config.name
    if not runtime.fresh:
        check_precision(folder, plan, runtime, place.device)
        check_settled(folder, plan.task)
        holds = scores_hold(folder, plan, runtime.data_root)
        earlier = _finished(folder, tell=False) if holds else None
        if (found := _everywhere(earlier, place)) is not None:
            drop_states(folder)  # a kill right after the result was saved leaves them
            return found
    check_files(plan, runtime)
    with _occupied(folder, place):
        if runtime.fresh and place.main:
            empty_folder(folder, keep=LOCK)
        place.barrier()
        check_settled(folder, plan.task)
        # Another process may have finished it meanwhile.
        holds = scores_hold(folder, plan, runtime.data_root)
        earlier = _finished(folder, tell=place.main) if holds else None
        if (found := _everywhere(earlier, place)) is not None:
            return found
        return _execute(Job(plan, runtime, folder, place, baseline))


@contextmanager
def _occupied(folder: Path, place: World) -> Iterator[None]:
    """Keep other commands from executing the run of a folder, which is made and cleaned up."""
    if not place.main:
        place.barrier()
        yield
        return
    with exclusive(make_folder(folder) / LOCK, f"the run {folder.name}"):
        for one in (folder, folder / CANDIDATES):
            sweep(one)
        place.barrier()
        yield


def _execute(job: Job) -> RunResult:
    plan, place = job.plan, job.place
    if place.main:
        settle_classes(job.folder, plan.task)
        settle_data(job.folder, plan, job.runtime.data_root)
    if plan.online:
        return StreamRun(job).execute()
    training = TrainingRun(job)
    place.barrier()  # each process has seen which files are there; now they may change
    if place.main:
        return training.execute()
    training.help()
    result = results.load(job.folder)
    if result is None:
        raise DagenError("rank 0 ended without a result; see its message.")
    return result


def _everywhere(found: RunResult | None, place: World) -> RunResult | None:
    """A result of an earlier call, if all processes see it."""
    unfinished = place.anywhere(found is None)
    return None if found is None or unfinished else replace(found, earlier=True)


def _finished(folder: Path, *, tell: bool) -> RunResult | None:
    """The result of a finished run; a run that has lost its result or its model is not finished.

    Args:
        folder: folder of the run.
        tell: whether to say what was lost.
    """
    log = logging.WARNING if tell else logging.DEBUG
    try:
        finished = results.load(folder)
    except results.DamagedResult as error:
        logger.log(log, "%s It is made again now.", error)
        return None
    if finished is None:
        if (folder / results.FILE).is_file():
            logger.log(log, "%s is gone; it is made again now.", folder / results.MODEL)
        return None
    try:
        read_deployed(finished.model)
    except DagenError as error:
        logger.log(log, "%s It is made again now.", error)
        return None
    return finished
