"""The plan of a run, made once from its configuration and the plug-ins' declarations.

No network is built and no image is opened. The classes are at most read: from the source's
declaration or, without a source, from the card of the checkpoint. Checks, feeds, stack, scoring and
tracking read the plan instead of deriving it again.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path

from dagen import plugins
from dagen.datasets.loading import opening
from dagen.datasets.own.declaration import FILE
from dagen.errors import UsageError, short
from dagen.methods.base import RunFacts
from dagen.models.base import Network
from dagen.models.deployed.file import read_card
from dagen.runs import checks, recipes
from dagen.runs.config import Config
from dagen.runs.parts import SUPERVISED, Parts, arrange, resolve
from dagen.runs.results import RUN, located
from dagen.runs.starts import is_start
from dagen.types import Domain, Task


@dataclass(frozen=True)
class Plan:
    """The plan of one run; made by :func:`plan_run`.

    Attributes:
        config: the configuration.
        facts: facts that the strategies may know before the network is built.
        parts: the strategies in order, with their parameters.
        reads_source: whether source images are opened; False for a source-free run.
        scored: the data sets whose ``val`` split is scored.
        kept: the steps after which a checkpoint is kept to choose from; empty if the last one is
            deployed.
    """

    config: Config
    facts: RunFacts
    parts: Parts
    reads_source: bool
    scored: tuple[str, ...]
    kept: tuple[int, ...]

    @property
    def task(self) -> Task:
        """What is segmented."""
        return self.facts.task

    @property
    def online(self) -> str | None:
        """The part that adapts over a stream of images; None in a run that trains."""
        return self.parts.online

    @property
    def pretrains(self) -> bool:
        """Whether the run makes a start for other runs; nothing is scored then."""
        return self.parts.pretrains is not None

    @property
    def unlabelled(self) -> tuple[tuple[str, ...], ...]:
        """The data sets whose training images are used without labels, by domain.

        Those of the target, and in a run that pre-trains those of the source before them; without a
        target those of the source alone.
        """
        config = self.config
        theirs = () if config.tgt is None else (config.tgt, *config.extra_tgt)
        if not self.pretrains:
            return (theirs,)
        ours = (config.src, *config.extra_src)
        return (ours, theirs) if theirs else (ours,)

    @property
    def held_out(self) -> tuple[str, ...]:
        """The data sets whose ``val`` split is scored, here or in a run that starts from it."""
        return self.config.scored if self.pretrains else self.scored

    @property
    def trained_on(self) -> frozenset[Domain]:
        """The domains whose images the run trains on; none in a run over a stream.

        A validator may use no other domain.
        """
        if self.online:
            return frozenset()
        found: set[Domain] = set(self.parts.streams)
        if not self.reads_source:
            found.discard("source")
        if self.config.target_labels:
            found.add("target")
        return frozenset(found)


def plan_run(
    config: Config,
    processes: int = 1,
    data_root: Path | None = None,
    runs: Path | None = None,
) -> Plan:
    """The plan of a run.

    Args:
        config: configuration of the run.
        processes: number of processes that share each batch.
        data_root: the folder of all data sets; see ``dagen.datasets.loading.opening``.
        runs: the folder of all runs, where ``run:NAME`` of ``init`` is looked up.

    Raises:
        UsageError: the first error in the configuration.
        DataError: the source declares the classes, and its declaration is missing or wrong.
        DagenError: the checkpoint knows the classes, and it is missing or damaged.
    """
    recipes.check(config.method)
    network = _network(config)
    checks.check_network(config, network)
    for key, count in (("batch", config.batch), ("source_batch", config.source_batch)):
        if count % processes:
            raise UsageError(f"{key} is {count}; it must be a multiple of {processes} processes.")
    share = config.labelled_batch // processes
    reads_source = SUPERVISED in resolve(config.method)
    facts = RunFacts(
        task=_task(config, reads_source, data_root, runs),
        stride=network.stride,
        steps=config.steps,
        size=config.size,
        seed=config.seed,
        source_images=share - share // 2 if config.target_labels else share,
        loss=config.loss,
        loss_options=config.loss_options,
    )
    starts = is_start({"method": config.method})
    checks.check_images(config, network.multiple_with(config.model_options))
    checks.check_extra_sources(config, reads_source or starts)
    checks.check_labels(config, reads_source, processes)
    checks.check_loss(config, reads_source)
    checks.check_augment(config)
    names = config.method
    if config.target_labels and not reads_source and not starts:
        names = (SUPERVISED, *names)  # learns from the target's labels alone
    parts = arrange(names, config.parts, facts)
    several = config.candidates > 1 and not parts.online
    plan = Plan(
        config=config,
        facts=facts,
        parts=parts,
        reads_source=reads_source,
        scored=() if starts else _scored(config, reads_source),
        kept=evenly_spaced(config.steps, config.candidates) if several else (),
    )
    checks.check_pretraining(config, parts)
    checks.check_target(config, parts, processes)
    checks.check_extra_targets(config, parts)
    checks.check_empty(config, parts, facts.task)
    checks.check_choice(config, plan.trained_on)
    checks.check_compile(config, parts)
    return plan


def _task(config: Config, reads_source: bool, data_root: Path | None, runs: Path | None) -> Task:
    """What a run segments; one without source adapts a network, which knows its own classes."""
    if config.task == "classes" and not reads_source and config.init is not None:
        path = config.init if runs is None else located(config.init, runs)
        if path is not None and not path.startswith(RUN):
            return read_card(Path(path)).kind
    return task_of(config, data_root)


def task_of(config: Config, data_root: Path | None) -> Task:
    """What a run segments: a built-in task, or the classes of its source.

    Raises:
        UsageError: the source has no classes of its own.
        DataError: its declaration is missing or wrong.
    """
    if config.task != "classes":
        return Task.named(config.task)
    found = opening.declared(config.src, data_root)
    if found is None:
        needs = f"the task 'classes' needs the names of the classes, and {config.src} declares none"
        if config.src in plugins.names("datasets"):
            raise UsageError(f"{needs}: name them in a {FILE} there, or run the task 'binary'.")
        raise UsageError(
            f"{needs}: say in its {FILE} where its masks are and what their ids mean. A folder "
            "without labels can be a target (--tgt), but no source."
        )
    return found


def evenly_spaced(steps: int, count: int) -> tuple[int, ...]:
    """The ``count`` of ``steps`` steps after which a checkpoint is kept, including the last.

    A run of fewer steps keeps one after each step.
    """
    return tuple(sorted({-(-steps * k // count) for k in range(1, count + 1)}))


def _scored(config: Config, reads_source: bool) -> tuple[str, ...]:
    """A source-free run may lack the source, which is scored only if ``score`` names it."""
    if reads_source:
        return config.scored
    return tuple(n for n in config.scored if n != config.src or n in (config.tgt, *config.score))


def _network(config: Config) -> type[Network]:
    """The class of the run's network, after checking that it takes the given keywords."""
    network: type[Network] = plugins.get("models", config.model)
    try:
        inspect.signature(network).bind(2, width=config.width, **config.model_options)
    except TypeError as error:
        raise UsageError(f"network {config.model}: {short(str(error), 200)}.") from None
    return network
