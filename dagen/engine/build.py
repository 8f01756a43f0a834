"""Builds a run's student and the strategies around it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import fields

import torch
from torch import Tensor

from dagen.engine.stack import Stack
from dagen.errors import UsageError
from dagen.methods.base import Asked, RunFacts, Setting
from dagen.models.base import Network, create_network
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import load_deployed, offline
from dagen.models.layers.narrowing import narrow
from dagen.models.layers.sync_batch_norm import synchronise
from dagen.runs.config import Config
from dagen.runs.plan import Plan
from dagen.runs.starts import is_start
from dagen.system.seeding import hash_seed
from dagen.types import Task

logger = logging.getLogger("dagen")


def build_network(config: Config, task: Task) -> Network:
    """The student with its first weights: fresh ones by the seed, or those of ``init``.

    Args:
        config: configuration of the run; its ``init`` is a file.
        task: what is segmented.

    Raises:
        UsageError: an unknown network or keyword, or an ``init`` with another network.
    """
    options = config.model_options if config.init is None else offline(config.model_options)
    # Fresh weights depend on the seed alone, whatever ran in this process before.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(hash_seed(config.seed, 0, "weights"))
        network = create_network(config.model, task, config.width, options)
    if config.init is not None:
        start, card = load_deployed(config.init)
        check_init(config, task, config.init, card)
        narrow(network, start.channels)  # a pruned network stays one
        given, own = start.deployed(), network.deployed()
        if is_start(card.run):  # its head has learned nothing
            logger.warning(
                "%s is pre-trained: all but its head is taken, which starts afresh.", config.init
            )
            given, own = _without_head(given), _without_head(own)
        if _shapes(given) != _shapes(own):  # an option such as ibn changes the layers
            raise UsageError(
                f"--init {config.init} was made with model_options {card.options}, which has "
                f"other layers than this run's {config.model_options}; give the same."
            )
        # Auxiliary heads are not in the file; they keep the weights made by the seed.
        network.load_state_dict(given, strict=False)
    if config.sync_batch_norm:
        synchronise(network)
    return network


def check_init(config: Config, task: Task, init: str, card: Card) -> None:
    """Refuse a deployed file with another network than the run trains.

    A pre-trained one may have other classes, because its head is not taken.

    Raises:
        UsageError: network, task, classes or width differ.
    """
    start = is_start(card.run)
    made = f"{card.model} (width {card.width}, {card.task})"
    if (card.model, card.width) != (config.model, config.width) or not (
        start or card.task == config.task
    ):
        raise UsageError(
            f"--init {init} holds {made}; this run trains {config.model} (width {config.width}, "
            f"{config.task}). For the same network, give {_same(card, config, start)}."
        )
    if not start and card.kind.classes != task.classes:
        raise UsageError(
            f"--init {init} segments {', '.join(card.kind.classes)}; this run segments "
            f"{', '.join(task.classes)}: start from a network of the same classes."
        )


def _same(card: Card, config: Config, start: bool) -> str:
    """The options that make a run train a file's network."""
    wanted = {
        f"--model {card.model}": card.model != config.model,
        f"--set width={card.width:g}": card.width != config.width,
        f"--task {card.task}": not start and card.task != config.task,
    }
    return " ".join(option for option, differs in wanted.items() if differs)


def build_stack(plan: Plan, network: Network, asked: Mapping[str, Asked] | None = None) -> Stack:
    """The student with the strategies around it.

    Args:
        plan: plan of the run.
        network: the student.
        asked: the trained networks that the strategies ask, by name.

    Raises:
        UsageError: a strategy cannot work with this network.
    """
    known = {field.name: getattr(plan.facts, field.name) for field in fields(RunFacts)}
    setting = Setting(
        **known, feature_channels=network.feature_channels, networks=dict(asked or {})
    )
    config = plan.config
    return Stack(network, plan.parts, setting, config.batch_norm, config.freeze_batch_norm)


def _without_head(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: x for name, x in tensors.items() if not name.startswith("head.")}


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}
