"""From a configuration to the student and the strategies around it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from dagen import checkpoint, plugins, recipes, results, selection
from dagen.checkpoint import Card
from dagen.config import Config
from dagen.deploy.measure import deployed
from dagen.errors import UsageError
from dagen.methods.base import Domain, Setting
from dagen.models.base import Network
from dagen.seeding import hash_seed
from dagen.stack import SUPERVISED, Stack, resolve
from dagen.types import Task


def check(config: Config, processes: int = 1) -> None:
    """Everything that can be wrong with a configuration without looking at the data.

    Args:
        config: of the run.
        processes: that share each batch.

    Raises:
        UsageError: the first thing that is.
    """
    recipes.check(config.method)
    network = checkpoint.build(
        config.model, Task(config.task), config.width, checkpoint.offline(config.model_options)
    )
    _check_extra_sources(config)
    _check_labels(config, processes)
    stack = build_stack(config, network, processes)
    if "target" in stack.streams and config.tgt is None:
        raise UsageError(
            f"{'+'.join(config.method)} needs a target; give --tgt, such as --tgt taco."
        )
    selection.check(config, _trained_on(config, stack))
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
        _check_init(config, config.init, checkpoint.read_card(Path(config.init)))
    sides = [side for side in config.size if side % network.multiple]
    if sides:
        raise UsageError(
            f"size is {config.size[0]}x{config.size[1]}; {config.model} needs multiples of "
            f"{network.multiple}."
        )


def _check_init(config: Config, init: str, card: Card) -> None:
    if (card.model, card.task, card.width) != (config.model, config.task, config.width):
        raise UsageError(
            f"--init {init} holds {card.model} (width {card.width}, {card.task}); this run trains "
            f"{config.model} (width {config.width}, {config.task})."
        )


def is_online(config: Config) -> bool:
    """Whether a run adapts over a stream (``dagen.online``) instead of training."""
    return any(plugins.get("methods", name).online for name in config.method)


def reads_source(config: Config) -> bool:
    """Whether a run opens source images: all do but source-free ones."""
    return SUPERVISED in resolve(config.method)


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


def build_network(config: Config) -> Network:
    """The student with its first weights: fresh ones by the seed, or those of ``init``.

    Raises:
        UsageError: an unknown network or keyword, or an ``init`` of another kind.
    """
    # Fresh weights depend on the seed alone, whatever ran in this process before.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(hash_seed(config.seed, 0, "weights"))
        network = checkpoint.build(
            config.model, Task(config.task), config.width, config.model_options
        )
    if config.init is not None:
        start, card = checkpoint.load_deployed(config.init)
        _check_init(config, config.init, card)
        given, own = deployed(start), deployed(network)
        if _shapes(given) != _shapes(own):  # an option such as ibn changes the layers
            raise UsageError(
                f"--init {config.init} was made with model_options {card.options}, which has "
                f"other layers than this run's {config.model_options}; give the same."
            )
        # Auxiliary heads are not in the file: they stay as the seed made them.
        network.load_state_dict(given, strict=False)
    return network


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def build_stack(config: Config, network: Network, processes: int = 1) -> Stack:
    """The student with the strategies around it.

    Args:
        config: of the run.
        network: the student.
        processes: that share each batch.

    Raises:
        UsageError: whatever is wrong with the strategies or their parameters.
    """
    share = config.batch // processes
    setting = Setting(
        task=Task(config.task),
        num_classes=Task(config.task).num_classes,
        feature_channels=network.feature_channels,
        stride=network.stride,
        steps=config.steps,
        size=config.size,
        seed=config.seed,
        source_images=share - share // 2 if config.target_labels else share,
    )
    method = config.method
    if config.target_labels and not reads_source(config):
        method = (SUPERVISED, *method)  # learns from the target's labels alone
    return Stack(
        network, method, config.parts, setting, config.batch_norm, config.freeze_batch_norm
    )
