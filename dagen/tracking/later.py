"""Additions to a finished run: images and figures that were made afterwards."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from dagen.errors import DagenError
from dagen.runs.log import RunLog
from dagen.tracking.delivery import deliver
from dagen.tracking.state import STATE

logger = logging.getLogger("dagen.tracking")


def add_to_run(
    folder: Path, metrics: Mapping[str, float], step: int, files: Sequence[Path], into: str
) -> bool:
    """Add figures and files to the log of the run in ``folder``, and to its MLflow run.

    If MLflow is out of reach, a warning is logged and ``dagen ui`` delivers them later.

    Args:
        folder: folder of the run.
        metrics: values by name; logging a name again adds a point to its curve.
        step: step that they belong to.
        files: files that must still exist when they are delivered.
        into: folder among the run's artifacts.

    Returns:
        Whether MLflow has them; False also for a run without a delivery to MLflow.

    Raises:
        DagenError: the log cannot be written, or is damaged.
    """
    log = RunLog.open(folder)
    if metrics:
        log.metrics(metrics, step)
    for file in files:
        log.artifact(file, into)
    if not (folder / STATE).exists():
        return False
    try:
        deliver(folder)
    except DagenError as error:
        logger.warning("%s `dagen ui` delivers it when MLflow answers again.", error)
        return False
    return True
