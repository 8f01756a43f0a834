"""The precision that a run computes in: it changes the result, and the run's name does not say it.

The log of a run says it. The same command in another precision is not taken for the same run.
"""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from dagen.errors import DagenError, UsageError
from dagen.runs import results
from dagen.runs.history import read_records
from dagen.runs.plan import Plan
from dagen.runs.runtime import PRECISION, Runtime
from dagen.tracking.recording import precision

logger = logging.getLogger("dagen")


def check_precision(folder: Path, plan: Plan, runtime: Runtime, device: torch.device) -> None:
    """Compare the precision that a run is asked for with the one that it began in.

    A run that goes on with ``auto`` on another kind of device may change it, and that is said.

    Args:
        folder: the run's folder; it may be missing.
        plan: plan of the run.
        runtime: says which precision is asked for.
        device: where it would run.

    Raises:
        UsageError: another precision is asked for by name.
    """
    before, now = _before(folder), precision(plan, runtime, device)
    if before is None or before == now:
        return
    if runtime.precision != "auto":
        raise UsageError(
            f"the run {folder.name} computed in {before}, and {now} is asked for: run it again "
            "with --fresh, keep the old result by giving another folder with --runs, or leave "
            "--precision out."
        )
    if not (folder / results.FILE).is_file():
        logger.warning("%s began in %s and goes on in %s.", folder.name, before, now)


def _before(folder: Path) -> str | None:
    """The precision that the log tells; None without one."""
    try:
        records = read_records(folder)
    except DagenError:  # damaged: whoever writes to it says so
        return None
    told = [r["values"].get(PRECISION) for r in records if r["kind"] == "tags"]
    return next((str(one) for one in reversed(told) if one), None)
