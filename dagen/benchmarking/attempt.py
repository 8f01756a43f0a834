"""Runs one cell, and reports why it failed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from dagen.errors import DagenError, Stopped
from dagen.runs.config import Config

if TYPE_CHECKING:
    from dagen.runs.runtime import Runtime

Runner = Callable[[Config, "Runtime"], object]
"""The function that runs a cell; it must be importable, because other processes import it."""

logger = logging.getLogger("dagen")


def train(config: Config, runtime: Runtime) -> None:
    """Do one run; if another benchmark has the same cell, one of them waits for its result."""
    from dagen.engine.run import run

    run(config, runtime)


def attempt(runner: Runner, config: Config, runtime: Runtime) -> str | None:
    """Why the run failed, or None. The error of a run that was asked to stop is raised."""
    try:
        runner(config, runtime)
    except DagenError as error:
        if isinstance(error, Stopped):
            raise
        return str(error)
    except Exception as error:  # a defect of dagen, or memory that ran out
        logger.exception("%s failed", config.name)
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no text'}"
    return None
