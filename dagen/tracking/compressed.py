"""The files of ``dagen compress`` as MLflow runs, one for each."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from dagen.errors import short
from dagen.tracking.store import artifact_folder, connect, patience, tracking_uri

logger = logging.getLogger("dagen.tracking")


class Entry(NamedTuple):
    """One MLflow run."""

    name: str
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]


def log_compressed(
    runs: Path, experiment: str, of: str, entries: Sequence[Entry], files: Sequence[Path]
) -> bool:
    """Log each entry as a run, and the table and figure with the first.

    Args:
        runs: folder of all runs.
        experiment: name of the experiment, made if missing.
        of: what was compressed; the runs' tag ``dagen.compressed``.
        entries: at least one.
        files: files of the whole ladder.

    Returns:
        Whether MLflow has them; if it is out of reach, a warning is logged.
    """
    uri = tracking_uri(runs)
    try:
        with patience(10):
            client = connect(uri)
            known = client.get_experiment_by_name(experiment)
            where = artifact_folder(uri)
            place = where.as_uri() if where is not None else None
            number = known.experiment_id if known else client.create_experiment(experiment, place)
            for k, entry in enumerate(entries):
                tags = {"dagen.compressed": of}
                run = client.create_run(number, run_name=entry.name, tags=tags).info.run_id
                for key, value in entry.parameters.items():
                    client.log_param(run, key, value)
                for key, figure in entry.metrics.items():
                    client.log_metric(run, key, figure)
                for file in files if k == 0 else ():
                    client.log_artifact(run, str(file), "compress")
                client.set_terminated(run)
    except Exception as error:  # a store has errors of many libraries
        logger.warning("MLflow has no runs of this ladder: %s.", short(str(error), 200))
        return False
    return True
