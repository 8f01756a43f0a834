"""Checks of files before any work: the checkpoint and the data sets."""

from __future__ import annotations

from pathlib import Path

from dagen import plugins
from dagen.datasets.loading.opening import require
from dagen.engine.build import check_init
from dagen.engine.classes import check_classes
from dagen.engine.teachers import open_maps
from dagen.models.deployed.file import read_deployed
from dagen.runs.config import Config
from dagen.runs.plan import Plan
from dagen.runs.results import RUN
from dagen.runs.runtime import Runtime
from dagen.types import Task


def check_files(plan: Plan, runtime: Runtime) -> None:
    """Check that the run's initial checkpoint fits, and that the data sets exist.

    Args:
        plan: plan of the run.
        runtime: says where runs and data sets are.

    Raises:
        DagenError: the run that ``init`` names is not finished, or its file is damaged.
        UsageError: ``init`` has another network, or source and target are the same.
        DataError: a data set to score is missing, which would otherwise show only after training;
            a data set has no class of the task, or a teacher is missing or damaged.
    """
    check_start(runtime.located(plan.config), plan.task)
    for name in (*plan.scored, *plan.config.extra_src):
        require(name, runtime.data_root)
    for kind in open_maps(plan, runtime.runs).values():
        kind.ready()
    check_classes(plan, runtime.data_root)


def check_start(config: Config, task: Task) -> None:
    """Check that the run's initial weights are here; ``run:NAME`` is not checked here.

    Raises:
        DagenError: the file is missing or damaged, or pretrained weights are not installed.
        UsageError: it has another network or other classes.
    """
    if config.init is None:
        begins = plugins.get("models", config.model).begins(config.model_options)
        if begins is not None:
            begins.require()
    elif not config.init.startswith(RUN):
        check_init(config, task, config.init, read_deployed(Path(config.init))[1])
