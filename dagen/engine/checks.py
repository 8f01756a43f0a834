"""What can be refused before any work by a look at files: the checkpoint and the data sets."""

from __future__ import annotations

from pathlib import Path

from dagen.datasets.loading.opening import require
from dagen.engine.build import check_init
from dagen.models.deployed.file import read_card
from dagen.runs.config import Config
from dagen.runs.plan import Plan
from dagen.runs.results import RUN
from dagen.runs.runtime import Runtime


def check_files(plan: Plan, runtime: Runtime) -> None:
    """Whether the checkpoint that a run starts from fits, and the data sets are there.

    Args:
        plan: of the run.
        runtime: where the runs and the data sets lie.

    Raises:
        DagenError: the run that ``init`` names is not finished, or its file is damaged.
        UsageError: ``init`` holds another network.
        DataError: a data set that is scored is missing, which would show only after training.
    """
    check_start(runtime.located(plan.config))
    for name in plan.scored:
        require(name, runtime.data_root)


def check_start(config: Config) -> None:
    """Whether the file that a run starts from fits; ``run:NAME`` is not looked at.

    Raises:
        DagenError: the file is missing or damaged.
        UsageError: it holds another network.
    """
    if config.init is not None and not config.init.startswith(RUN):
        check_init(config, config.init, read_card(Path(config.init)))
