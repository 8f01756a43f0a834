"""The function that prunes a finished network and trains what is left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dagen.errors import UsageError
from dagen.runs.runtime import Runtime

if TYPE_CHECKING:
    from dagen.deploy.pruning.prune import Pruned
    from dagen.runs.results import RunResult


@dataclass(frozen=True)
class Smaller:
    """A pruned network.

    Attributes:
        model: the deployed file: of the run that trained it, or else as it was pruned.
        pruned: what was removed, and what that lost before training.
        result: the run that trained it; None without training.
    """

    model: Path
    pruned: Pruned
    result: RunResult | None


def prune(
    model: Path | str,
    out: Path | str | None = None,
    *,
    macs: float = 0.5,
    steps: int | None = None,
    data: str | None = None,
    runtime: Runtime | None = None,
) -> Smaller:
    """Remove the channels that a network misses least, and train it again by its run's settings.

    No target label and no evaluation image decides: how much each layer suffers is measured on
    unlabelled training images. The same call resumes what was stopped.

    >>> small = dagen.prune("runs/belt-taco", macs=0.5)            # doctest: +SKIP
    >>> dagen.export(small.model, "small.onnx", int8=True)         # doctest: +SKIP

    Args:
        model: a deployed file; or a finished run: its folder, its name, or the hash at the end of
            its name.
        out: deployed file of the pruned network before training; None is
            ``pruned/macs-50.safetensors`` (the per cent of MACs that stay) beside the deployed
            file.
        macs: share of the MACs that stays at most, above 0 and below 1.
        steps: training steps; None is a quarter of the run's, 0 does not train.
        data: data set whose unlabelled training images measure the sensitivity of layers; None is
            the run's target.
        runtime: folders and device; None is ``Runtime()``.

    Raises:
        UsageError: no such run, a share that is out of its range or cannot be reached, a missing
            package, or no run whose settings could train the network.
        Stopped: SIGTERM or Ctrl-C came; the state is saved.
        DagenError: the network or the data is missing or damaged, or any error of a run.
    """
    from dagen.deploy.pruning import prune as pruning
    from dagen.deploy.pruning.tuning import config_of, tune
    from dagen.runs.finding import file_of
    from dagen.system.progress import Progress

    runtime = runtime or Runtime()
    file = file_of(str(model), runtime.runs)
    small = pruning.place(file, macs) if out is None else Path(out)
    if small.suffix != ".safetensors":
        raise UsageError(f"a pruned network is a .safetensors file; {small} is none.")
    if steps != 0:
        config_of(file, steps)  # refused before anything is measured
    with Progress(quiet=runtime.quiet) as progress:
        pruned = pruning.prune(
            file, small, share=macs, data=data, data_root=runtime.data_root, progress=progress
        )
    result = None if steps == 0 else tune(small, steps, runtime)
    return Smaller(small if result is None else result.model, pruned, result)
