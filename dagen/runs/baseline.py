"""The baseline of an adapted run: source-only, or the checkpoint that it started from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from dagen.errors import DagenError
from dagen.models.deployed.file import identity
from dagen.runs import results
from dagen.runs.config import Config, from_mapping
from dagen.runs.plan import Plan, plan_run
from dagen.runs.results import RunResult


def baseline_of(result: RunResult) -> RunResult | None:
    """The result that an adapted run is compared with, from the same folder of all runs.

    A result names its baseline. An older result without one, or one written before its baseline
    existed, has the baseline that ``dagen adapt`` would make.

    Returns:
        The result; None for a run without a target, or if the result does not exist.
    """
    runs = result.folder.parent
    # A missing baseline is no error: the settings may be another version's, the checkpoint may be
    # gone, the baseline's result may be damaged.
    try:
        if result.baseline is not None:
            return results.load(runs / result.baseline.run)
        return expected_baseline(from_mapping(result.config), runs)
    except (DagenError, OSError, ValueError, TypeError, KeyError):
        return None


def expected_baseline(
    config: Config, runs: Path, data_root: Path | None = None
) -> RunResult | None:
    """The result that ``dagen adapt`` would compare a run with, if it exists.

    It is source-only with the run's network, data and budget or, for a run that needs no source,
    the checkpoint that it starts from.

    Raises:
        DagenError: the checkpoint is missing, or the configuration cannot be run.
    """
    if config.tgt is None:
        return None
    plan = plan_run(config, data_root=data_root, runs=runs)
    if config.init is None or plan.reads_source:
        return results.load(runs / config.source_only().name)
    init = results.located(config.init, runs)
    assert init is not None
    return results.load(runs / init_name(plan, Path(init)))


def init_name(plan: Plan, init: Path) -> str:
    """The name under which the scores of a checkpoint are stored.

    Args:
        plan: plan of a run that starts from it; its scored data sets are part of the name.
        init: the checkpoint's file.

    Raises:
        DagenError: it is missing or damaged.
    """
    config = plan.config
    measured = [] if config.empty is None else [config.empty]
    scored = json.dumps([plan.scored, config.size, *measured]).encode()
    digest = hashlib.blake2b(identity(init) + scored, digest_size=4).hexdigest()
    return f"{results.GIVEN}{config.model}-{config.task}-{digest}"
