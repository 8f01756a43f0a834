"""Smaller networks among the rungs: pruned ones, and narrower ones trained from the start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dagen.deploy.pruning import prune as pruning
from dagen.deploy.pruning.tuning import tune
from dagen.engine.run import run
from dagen.errors import UsageError
from dagen.models.deployed.file import read_card
from dagen.runs.config import from_mapping
from dagen.runs.runtime import Runtime
from dagen.system.progress import Progress

WHOLE = ""
"""The name of the network itself."""


def networks(
    model: Path,
    shares: Sequence[float],
    widths: Sequence[float],
    *,
    steps: int | None,
    data: str | None,
    runtime: Runtime,
    progress: Progress | None = None,
) -> dict[str, Path]:
    """The network, its pruned versions and narrower ones, by name.

    All of them are runs, so that a call that was killed goes on where it was.

    Args:
        model: the deployed file.
        shares: shares of the MACs that stay in pruned networks, such as 0.5.
        widths: widths at which the network's run is repeated, such as 0.5.
        steps: training steps of pruned networks; None is a quarter of the run's, 0 none.
        data: data set that measures sensitivities; None is the run's target.
        runtime: where and how to train.
        progress: where to show how far it is.

    Returns:
        The deployed files: the network itself first, then ``macs-50`` and ``width-0.5``.

    Raises:
        UsageError: a share or width cannot be had, or no run made the network.
        DagenError: any error of a run.
    """
    found = {WHOLE: model}
    for share in shares:
        file = pruning.place(model, share)
        pruned = pruning.prune(
            model, file, share=share, data=data, data_root=runtime.data_root, progress=progress
        )
        tuned = file if steps == 0 else tune(pruned.file, steps, runtime).model
        found[file.stem] = tuned
    made = read_card(model).run
    if widths and not made:
        raise UsageError(f"{model} has no run that could be repeated at another width.")
    for width in widths:
        found[f"width-{width:g}"] = run(from_mapping({**made, "width": width}), runtime).model
    return found
