"""Whether a run whose result is missing or damaged needs training once more, or only its ending."""

from __future__ import annotations

import json

from dagen.engine.finishing import Job
from dagen.errors import DagenError
from dagen.models.deployed.file import read_deployed
from dagen.runs.history import history
from dagen.runs.results import MODEL
from dagen.tracking.recording import TIME
from dagen.validators.choice.candidates import Candidates


def is_trained(job: Job, candidates: Candidates) -> bool:
    """Whether everything that training makes for the result is in the run's folder.

    That is the deployed file, the candidates to choose from, and the time of training in the log.
    A run with states has not ended, and resumes from them instead.

    Args:
        job: a run that trains.
        candidates: its candidates.
    """
    if any(job.folder.glob("state-*.pt")):
        return False
    if job.config.batch_norm == "separate" and not candidates.steps:
        return False  # the source's statistics are in no file
    try:
        _, card = read_deployed(job.folder / MODEL)
        candidates.check()
        timed = TIME in history(job.folder)
    except DagenError:
        return False
    return timed and card.run == json.loads(job.config.to_json())
