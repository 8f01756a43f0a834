"""Trains a pruned network again, by the settings of the run that made it.

The learning rate is that of the run, warmed up and decayed anew over fewer steps: after pruning,
rewinding the learning rate recovers more than training on with the last, small one (Renda et al.,
"Comparing Rewinding and Fine-tuning in Neural Network Pruning", ICLR 2020, arXiv:2003.02389).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dagen.engine.run import run
from dagen.errors import UsageError
from dagen.models.deployed.file import read_card
from dagen.runs.config import Config, from_mapping
from dagen.runs.plan import plan_run
from dagen.runs.results import RunResult
from dagen.runs.runtime import Runtime

_FRACTION = 4
"""The run's steps divided by this are the default."""


def config_of(file: Path, steps: int | None) -> Config:
    """The configuration of the run that trains a pruned network: the same data and strategies.

    Args:
        file: the pruned network's file.
        steps: training steps; None is a quarter of the run's.

    Raises:
        UsageError: no run made the network, or ``steps`` is out of its range.
    """
    made = read_card(file).run
    if not made:
        raise UsageError(
            f"{file} has no run whose strategies could train it; give 0 steps to prune only."
        )
    whole = from_mapping(made)
    chosen = max(1, whole.steps // _FRACTION) if steps is None else steps
    # Compiling would be for these few steps of this network alone.
    checked = from_mapping({**made, "init": str(file), "steps": chosen, "compile": False})
    return replace(checked, warmup=min(checked.warmup, chosen // 10), recipe=whole.recipe)


def tune(file: Path, steps: int | None, runtime: Runtime) -> RunResult:
    """Train a pruned network with the strategies of its run; a run that was stopped is resumed.

    Args:
        file: the pruned network's file.
        steps: training steps; None is a quarter of the run's.
        runtime: where and how to run.

    Raises:
        UsageError: no run made the network, or its run learned from a stream.
        DagenError: any error of a run.
    """
    config = config_of(file, steps)
    if plan_run(config, 1, runtime.data_root, runtime.runs).online:
        raise UsageError(
            f"{'+'.join(config.method)} learns from a stream and cannot train a pruned network; "
            "give 0 steps to prune only, or prune the network that it starts from."
        )
    return run(config, runtime)
