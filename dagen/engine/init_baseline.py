"""The baseline of source-free runs: the network of ``--init`` as it came.

Nothing is trained, and the source's images need not be there.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dagen.engine.checks import check
from dagen.models.deployed.cost import profile
from dagen.runs import results
from dagen.runs.config import Config
from dagen.runs.plan import scored
from dagen.runs.results import RunResult
from dagen.scoring.evaluation import scores_of
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.system.device import choose_device
from dagen.system.files import make_folder, write_atomically
from dagen.system.progress import Progress
from dagen.types import Task

if TYPE_CHECKING:
    from dagen.runs.runtime import Runtime


def score_given(config: Config, runtime: Runtime) -> RunResult:
    """The scores of the checkpoint that a run starts from, kept like those of a run.

    Args:
        config: of the run; its ``init`` is set.
        runtime: where and how.

    Raises:
        DagenError: the checkpoint or the data are missing, damaged or of another kind.
    """
    config = runtime.located(config)
    check(config)
    init = config.init
    assert init is not None
    content, names = Path(init).read_bytes(), scored(config)
    digest = hashlib.blake2b(content + json.dumps([names, config.size]).encode(), digest_size=4)
    name = f"given-{config.model}-{config.task}-{digest.hexdigest()}"
    folder = make_folder(runtime.runs / name)
    if (finished := results.load(folder)) is not None:
        return finished
    predictor = TorchPredictor.load(init, size=config.size)
    measured = profile(predictor.network, config.size, latency=False)
    predictor.network.to(choose_device(runtime.device))
    with Progress(quiet=runtime.quiet) as progress:
        found = scores_of(predictor, names, Task(config.task), runtime, progress)
    write_atomically(folder / "model.safetensors", content)
    result = RunResult(
        name=name,
        folder=folder,
        config=replace(config.source_only(), init=init).to_dict(),
        scores=found,
        profile={k: v for k, v in asdict(measured).items() if v is not None},
        seconds=0.0,
    )
    result.save()
    return result
