"""What an adapted run is compared with: source-only, or the checkpoint that it started from."""

from __future__ import annotations

from dagen.errors import DagenError
from dagen.runs import results
from dagen.runs.config import from_mapping
from dagen.runs.plan import reads_source
from dagen.runs.results import RunResult


def baseline(result: RunResult) -> RunResult | None:
    """The result that stands beside an adapted run, from the same folder of all runs.

    It is the one that ``dagen adapt`` makes: source-only with the run's own network, data and
    budget, or, for a run that needs no source, the checkpoint that it started from as it came.

    Returns:
        None for a run without a target, and where that result is not there.
    """
    runs = result.folder.parent
    try:
        config = from_mapping(result.config)
        if config.tgt is None:
            return None
        if config.init is None or reads_source(config):
            return results.load(runs / config.source_only().name)
        init = results.located(config.init, runs)
        given = map(results.load, sorted(runs.glob(f"given-{config.model}-{config.task}-*")))
        same = (g for g in given if g is not None and _starts(g, init, config.size))
        return next(same, None)
    # Made by a version with other settings, the checkpoint is gone, or a result is damaged: a
    # run does not fail for want of what it is compared with.
    except (DagenError, ValueError, TypeError, KeyError):
        return None


def _starts(given: RunResult, init: str | None, size: tuple[int, int]) -> bool:
    return given.config["init"] == init and tuple(given.config["size"]) == size
