"""The baseline of source-free runs: the network of ``--init``, unchanged.

Nothing is trained, and the source's images may be missing.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dagen.engine.finishing import Ending, Job, keep, measure
from dagen.runs import results
from dagen.runs.baseline import init_name
from dagen.runs.plan import Plan
from dagen.runs.results import MODEL, RunResult
from dagen.runs.runtime import Runtime
from dagen.system.device import choose_device
from dagen.system.distributed import World
from dagen.system.files import make_folder, write_atomically
from dagen.system.progress import Progress


def score_init(plan: Plan, runtime: Runtime) -> RunResult:
    """The scores of the checkpoint that a run starts from, stored like a run's result.

    Args:
        plan: plan of the run; its configuration's ``init`` is set.
        runtime: where and how to run.

    Raises:
        DagenError: the checkpoint or the data are missing or damaged.
    """
    init = runtime.located(plan.config).init
    assert init is not None
    folder = make_folder(runtime.runs / init_name(plan, Path(init)))
    if (finished := results.intact(folder)) is not None:
        return finished
    write_atomically(folder / MODEL, Path(init).read_bytes())
    job = Job(plan, runtime, folder, World(0, 1, choose_device(runtime.device)))
    config = replace(plan.config.source_only(), init=init)
    with Progress(quiet=runtime.quiet) as progress:
        result, _ = measure(job, progress, Ending(), config)
    return keep(job, result)
