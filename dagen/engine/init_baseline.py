"""The baseline of source-free runs: the network of ``--init``, unchanged.

Nothing is trained, and the source's images may be missing.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dagen.engine.finishing import Ending, Job, keep, measure
from dagen.engine.known_data import scores_hold, settle_data
from dagen.errors import DagenError
from dagen.runs import results
from dagen.runs.baseline import init_name
from dagen.runs.plan import Plan
from dagen.runs.results import LOCK, MODEL, RunResult
from dagen.runs.runtime import Runtime
from dagen.scoring.shared import dismiss, help_scoring
from dagen.system.distributed import World
from dagen.system.drafts import sweep
from dagen.system.files import make_folder, write_atomically
from dagen.system.locks import exclusive
from dagen.system.progress import Progress


def score_init(plan: Plan, runtime: Runtime, place: World) -> RunResult:
    """The scores of the checkpoint that a run starts from, stored like a run's result.

    Args:
        plan: plan of the run; its configuration's ``init`` is set.
        runtime: where and how to run.
        place: this process; the others help rank 0 with the scoring.

    Raises:
        DagenError: the checkpoint or the data are missing or damaged.
    """
    init = runtime.located(plan.config).init
    assert init is not None
    folder = runtime.runs / init_name(plan, Path(init))
    data_root = runtime.data_root
    holds = scores_hold(folder, plan, data_root, training=False)
    earlier = holds and results.intact(folder) is not None
    earlier = not place.anywhere(not earlier)  # all look before rank 0 changes anything
    if place.main and not earlier:
        with exclusive(make_folder(folder) / LOCK, f"the scoring of {init}"):
            sweep(folder)
            holds = scores_hold(folder, plan, data_root, training=False)
            if not holds or results.intact(folder) is None:
                settle_data(folder, plan, data_root, training=False)
                _score(plan, runtime, folder, init, place)
        dismiss(place)
    elif not earlier:
        help_scoring(place, data_root)
    place.barrier()
    found = results.load(folder)
    if found is None:
        raise DagenError(f"{init} was not scored; see the message of rank 0.")
    return replace(found, earlier=earlier)


def _score(plan: Plan, runtime: Runtime, folder: Path, init: str, place: World) -> None:
    write_atomically(folder / MODEL, Path(init).read_bytes())
    job = Job(plan, runtime, folder, place)
    config = replace(plan.config.source_only(), init=init)
    with Progress(quiet=runtime.quiet) as progress:
        result, _ = measure(job, progress, Ending(), config)
    keep(job, result)
