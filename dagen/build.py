"""From a configuration to the student and the strategies around it."""

from __future__ import annotations

import torch

from dagen import checkpoint
from dagen.config import Config
from dagen.errors import UsageError
from dagen.methods.base import Setting, hash_seed
from dagen.models.base import Network
from dagen.stack import Stack
from dagen.types import Task


def check(config: Config) -> None:
    """Everything that can be wrong with a configuration without looking at the data.

    Raises:
        UsageError: the first thing that is.
    """
    network = checkpoint.build(
        config.model, Task(config.task), config.width, checkpoint.offline(config.model_options)
    )
    stack = build_stack(config, network)
    if "target" in stack.streams and config.tgt is None:
        raise UsageError(
            f"{'+'.join(config.method)} needs a target; give --tgt, such as --tgt taco."
        )
    if stack.needs_checkpoint and config.init is None:
        raise UsageError(
            f"{'+'.join(config.method)} starts from a trained network; give --init with a "
            "deployed file (model.safetensors)."
        )
    sides = [side for side in config.size if side % network.multiple]
    if sides:
        raise UsageError(
            f"size is {config.size[0]}x{config.size[1]}; {config.model} needs multiples of "
            f"{network.multiple}."
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
        if (card.model, card.task, card.width) != (config.model, config.task, config.width):
            raise UsageError(
                f"--init {config.init} holds {card.model} (width {card.width}, {card.task}); this "
                f"run trains {config.model} (width {config.width}, {config.task})."
            )
        network.load_state_dict(start.state_dict())
    return network


def build_stack(config: Config, network: Network) -> Stack:
    """The student with the strategies around it.

    Raises:
        UsageError: whatever is wrong with the strategies or their parameters.
    """
    setting = Setting(
        task=Task(config.task),
        num_classes=Task(config.task).num_classes,
        feature_channels=network.feature_channels,
        stride=network.stride,
        steps=config.steps,
        size=config.size,
        seed=config.seed,
    )
    return Stack(network, config.method, config.parts, setting, config.batch_norm)
