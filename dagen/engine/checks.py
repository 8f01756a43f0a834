"""Checks of files before any work: the checkpoint and the data sets."""

from __future__ import annotations

from pathlib import Path

from dagen import plugins
from dagen.datasets.loading import few_labels
from dagen.datasets.loading.opening import open_dataset, require, require_labels
from dagen.engine.build import check_init
from dagen.engine.classes import check_classes
from dagen.engine.same_images import check_same_images
from dagen.engine.teachers import open_maps, open_networks
from dagen.models.deployed.file import read_deployed
from dagen.runs.config import Config
from dagen.runs.plan import Plan
from dagen.runs.results import RUN
from dagen.runs.runtime import Runtime
from dagen.runs.starts import require_scored
from dagen.types import Task


def check_files(plan: Plan, runtime: Runtime) -> None:
    """Check that the run's initial checkpoint fits, and that the data sets exist.

    Args:
        plan: plan of the run.
        runtime: says where runs and data sets are.

    Raises:
        DagenError: the run that ``init`` names is not finished, or its file is damaged.
        UsageError: ``init`` has another network, or source and target are the same.
        DataError: a data set to score is missing, or labels of source or target that are to be
            used are, which would otherwise show only after training; a data set has no class of the
            task, or a teacher is missing or damaged.
    """
    check_start(runtime.located(plan.config), plan.task, plan.parts.needs_checkpoint)
    for name in (*plan.held_out, *plan.config.extra_src, *plan.config.extra_tgt):
        require(name, runtime.data_root)
    if (empty := plan.config.empty) is not None:
        require(empty, runtime.data_root)
    if plan.reads_source:
        for name in (plan.config.src, *plan.config.extra_src):
            require_labels(open_dataset(name, "train", plan.task, runtime.data_root), name)
    if plan.config.tgt is not None and plan.config.target_labels:
        images = open_dataset(plan.config.tgt, "train", plan.task, runtime.data_root)
        few_labels.choose(images, plan.config.target_labels, plan.config.seed, plan.config.tgt)
    check_same_images(plan, runtime.data_root)
    for kind in open_maps(plan, runtime.runs).values():
        kind.ready()
    open_networks(plan, runtime.runs)
    check_classes(plan, runtime.data_root)


def check_start(config: Config, task: Task, trained: bool = False) -> None:
    """Check that the run's initial weights are here; ``run:NAME`` is not checked here.

    Args:
        config: configuration of the run.
        task: what is segmented.
        trained: whether they must be those of a trained network, head included.

    Raises:
        DagenError: the file is missing or damaged, or pretrained weights are not installed.
        UsageError: it has another network or other classes.
    """
    if config.init is None:
        begins = plugins.get("models", config.model).begins(config.model_options)
        if begins is not None:
            begins.require()
    elif not config.init.startswith(RUN):
        card = read_deployed(Path(config.init))[1]
        check_init(config, task, config.init, card)
        if trained:
            require_scored(config.init, card)
