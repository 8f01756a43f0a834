"""A run from its configuration to its result: data, training, scoring, files, MLflow."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace

from dagen.datasets.loading.opening import require
from dagen.engine.checks import check
from dagen.engine.init_baseline import score_given
from dagen.engine.stream_run import run_stream
from dagen.engine.training_run import TrainingRun
from dagen.errors import DagenError, UsageError
from dagen.runs import results
from dagen.runs.config import Config
from dagen.runs.plan import is_online, reads_source, scored
from dagen.runs.results import RunResult
from dagen.runs.runtime import Runtime
from dagen.system.distributed import world
from dagen.system.files import make_folder


@dataclass(frozen=True)
class Comparison:
    """An adapted run beside its source-only baseline.

    Of a source-free run the baseline is the checkpoint that it starts from, as it came.
    """

    source_only: RunResult
    adapted: RunResult
    source_free: bool = False

    @property
    def result(self) -> RunResult:
        """The adapted run with the baseline's scores in ``extra["source_only"]``."""
        extra = {**self.adapted.extra, "source_only": self.source_only.scores}
        return replace(self.adapted, extra=extra)


def run_pair(config: Config, runtime: Runtime) -> Comparison:
    """Source-only and adapted, one after the other; what is finished already is not redone.

    A source-free run trains no source-only network: its baseline is the checkpoint it starts from.
    """
    if config.tgt is None:
        raise UsageError("adapting needs a target; give --tgt, such as --tgt taco.")
    check(runtime.located(config))
    source_free = config.init is not None and not reads_source(config)
    baseline = score_given(config, runtime) if source_free else run(config.source_only(), runtime)
    return Comparison(baseline, run(config, runtime, baseline=baseline), source_free)


def run(config: Config, runtime: Runtime, *, baseline: RunResult | None = None) -> RunResult:
    """One run, resumed where an earlier attempt stopped, or returned where it is finished.

    Args:
        config: what to run.
        runtime: where and how.
        baseline: shown beside this run in its pictures.

    Raises:
        DagenError: whatever a user can mend, in one line.
    """
    folder = runtime.runs / config.name
    with world(runtime.device) as place:
        if config.batch % place.size:
            raise UsageError(
                f"batch is {config.batch}; it must be a multiple of {place.size} processes."
            )
        if runtime.fresh and place.main:
            shutil.rmtree(folder, ignore_errors=True)
        place.barrier()
        if (finished := results.load(folder)) is not None:
            return finished
        check(runtime.located(config), place.size)
        for name in scored(config):  # what is only scored would be missed after the training
            require(name, runtime.data_root)
        if place.main:
            make_folder(folder)
            if is_online(config):
                return run_stream(config, runtime, folder, place, baseline)
            return TrainingRun(config, runtime, folder, place).execute(baseline)
        TrainingRun(config, runtime, folder, place).train()
        place.barrier()  # until rank 0 has scored and saved
        others = results.load(folder)
        if others is None:
            raise DagenError("rank 0 ended without a result; its message says why.")
        return others
