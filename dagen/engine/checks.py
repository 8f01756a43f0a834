"""Everything that can be wrong with a configuration, said before any work."""

from __future__ import annotations

from pathlib import Path

from dagen import plugins
from dagen.engine.build import build_stack, check_init
from dagen.engine.stack import Stack
from dagen.errors import UsageError
from dagen.models.base import create_network
from dagen.models.deployed.file import offline, read_card
from dagen.runs import recipes, results
from dagen.runs.config import Config
from dagen.runs.plan import is_online, reads_source
from dagen.types import Domain, Task
from dagen.validators.choice import judging


def check(config: Config, processes: int = 1) -> None:
    """Everything that can be wrong with a configuration without looking at the data.

    Args:
        config: of the run.
        processes: that share each batch.

    Raises:
        UsageError: the first thing that is.
    """
    recipes.check(config.method)
    network = create_network(
        config.model, Task(config.task), config.width, offline(config.model_options)
    )
    _check_extra_sources(config)
    _check_labels(config, processes)
    stack = build_stack(config, network, processes)
    if "target" in stack.streams and config.tgt is None:
        raise UsageError(
            f"{'+'.join(config.method)} needs a target; give --tgt, such as --tgt taco."
        )
    judging.check(config, _trained_on(config, stack))
    if stack.needs_checkpoint and config.init is None:
        raise UsageError(
            f"{'+'.join(config.method)} starts from a trained network; give --init with a "
            "deployed file (model.safetensors)."
        )
    if stack.online and processes > 1:
        raise UsageError(
            f"'{stack.online}' adapts over one stream, in one process; start it without torchrun "
            f"(here are {processes} processes)."
        )
    # A run that is named and not done yet is looked at when its turn comes.
    if config.init is not None and not config.init.startswith(results.RUN):
        check_init(config, config.init, read_card(Path(config.init)))
    sides = [side for side in config.size if side % network.multiple]
    if sides:
        raise UsageError(
            f"size is {config.size[0]}x{config.size[1]}; {config.model} needs multiples of "
            f"{network.multiple}."
        )


def _trained_on(config: Config, stack: Stack) -> set[Domain]:
    """The domains whose images the run trains on; none where it adapts to a stream instead."""
    if stack.online:
        return set()
    found: set[Domain] = set(stack.streams)
    if not reads_source(config):
        found.discard("source")
    if config.target_labels:
        found.add("target")
    return found


def _check_extra_sources(config: Config) -> None:
    for name in config.extra_src:
        plugins.get("datasets", name)
        if name == config.src:
            raise UsageError(
                f"extra_src names '{name}', which is the source already; leave it out."
            )
        if name in config.scored:
            raise UsageError(
                f"extra_src names '{name}', which is scored here; its labels are used with "
                "target_labels (--target-labels N, or all) and in no other way."
            )
        if config.extra_src.count(name) > 1:
            raise UsageError(f"extra_src names '{name}' twice; name every data set once.")
    if config.extra_src and not reads_source(config):
        raise UsageError(
            f"extra_src adds source images, and {'+'.join(config.method)} uses none; leave it out."
        )


def _check_labels(config: Config, processes: int) -> None:
    if config.target_labels and config.tgt is None:
        raise UsageError(
            f"target_labels is {config.target_labels}, but there is no target; give --tgt, such "
            "as --tgt taco (for the oracle on target labels alone: dagen train --src taco "
            "--score taco)."
        )
    if config.target_labels and is_online(config):
        raise UsageError(
            f"'{config.method[0]}' adapts over a stream of images without labels; leave "
            "target_labels out."
        )
    if config.target_labels and reads_source(config) and config.batch < 2 * processes:
        raise UsageError(
            f"batch is {config.batch}; with target_labels half of each process's labelled images "
            f"are the target's: give at least {2 * processes}."
        )
    if config.rare_class_sampling != "off" and not (reads_source(config) or config.target_labels):
        raise UsageError(
            f"rare_class_sampling draws by label, and {'+'.join(config.method)} uses none; "
            "set it to off, or give target_labels."
        )
