"""Checks for contradictory settings of a run."""

from __future__ import annotations

from collections.abc import Collection

from dagen import plugins
from dagen.datasets.loading import pipelines
from dagen.errors import UsageError, unknown
from dagen.models.base import Network
from dagen.models.layers.pretrained import check_pretrained
from dagen.runs.compiled import PLAIN_STEPS
from dagen.runs.config import Config
from dagen.runs.parts import Parts
from dagen.runs.selection import LAST, ORACLE
from dagen.types import Domain, Task


def check_images(config: Config, multiple: int) -> None:
    """Check that the network takes images of the run's size.

    Args:
        config: configuration of the run.
        multiple: both sides must be multiples of this for the network.

    Raises:
        UsageError: it does not take them.
    """
    if any(side % multiple for side in config.size):
        raise UsageError(
            f"size is {config.size[0]}x{config.size[1]}; {config.model} needs multiples of "
            f"{multiple}."
        )


def check_network(config: Config, network: type[Network]) -> None:
    """Check that the network can start as the run wants it to.

    Raises:
        UsageError: the encoder has a rate of its own but is none that can be pretrained, or there
            are no pretrained weights of its width and layers.
    """
    options = config.model_options
    if config.encoder_lr_factor is not None and not network.encoder_parts:
        raise UsageError(
            f"encoder_lr_factor is {config.encoder_lr_factor:g}, but {config.model} has no encoder "
            "that can be pretrained; leave it out."
        )
    if network.start is not None and config.init is None:
        own = options.get("encoder_width")
        check_pretrained(
            options.get("pretrained", False),
            config.width if own is None else own,
            options.get("ibn", False),
            options.get("depth", 1.0),
        )


def check_target(config: Config, parts: Parts, processes: int) -> None:
    """Check that target, checkpoint and processes suit the strategies.

    Raises:
        UsageError: one of them is missing, the target is the source, or there are too many
            processes.
    """
    if config.tgt == config.src:
        raise UsageError(
            f"src and tgt are both '{config.src}', of which both train on the train split: there "
            "is nothing to adapt to; give the data set of another place as tgt, or leave it out."
        )
    names = "+".join(config.method)
    if "target" in parts.streams and config.tgt is None and not parts.pretrains:
        raise UsageError(f"{names} needs a target; give --tgt, such as --tgt taco.")
    if parts.needs_checkpoint and config.init is None:
        raise UsageError(
            f"{names} starts from a trained network; give --init with a deployed file "
            "(model.safetensors)."
        )
    if parts.online and processes > 1:
        raise UsageError(
            f"'{parts.online}' adapts over one stream, in one process; start it without torchrun "
            f"(there are {processes} processes)."
        )


def check_pretraining(config: Config, parts: Parts) -> None:
    """Check that a run that pre-trains is asked for nothing that needs scores or labels.

    Raises:
        UsageError: it has a setting that needs scores or labels, or statistics of labelled images.
    """
    if parts.pretrains is None:
        return
    turning = pipelines.turning(config.augment) if parts.upright else None
    if turning is not None:
        raise UsageError(
            f"augment has {turning}, and {parts.pretrains} learns to tell how an image was turned; "
            "leave it out, or list transforms that keep images upright."
        )
    if config.batch_norm in ("source", "separate"):
        raise UsageError(
            f"batch_norm is {config.batch_norm}, and {parts.pretrains} sees all images as the "
            "target's; leave it out, or write target."
        )
    asked = {
        "score": config.score,
        "empty": config.empty,
        "target_labels": config.target_labels,
        "select": config.select != LAST,
        "candidates": config.candidates > 1,
    }
    if wrong := [name for name, given in asked.items() if given]:
        raise UsageError(
            f"{wrong[0]} is given, and {parts.pretrains} opens no label and is not scored; leave "
            "it out, and give it to the run that starts from this one."
        )


def check_extra_sources(config: Config, reads_source: bool) -> None:
    """Check that the further sources can join the source.

    Raises:
        UsageError: one is named twice or scored, or the run uses no source images.
    """
    for name in config.extra_src:
        if name == config.src:
            raise UsageError(
                f"extra_src names '{name}', which is the source already; leave it out."
            )
        if name in config.scored:
            raise UsageError(
                f"extra_src names '{name}', which is scored here; its labels can be used only with "
                "target_labels (--target-labels N, or all)."
            )
        if config.extra_src.count(name) > 1:
            raise UsageError(f"extra_src names '{name}' twice; name every data set once.")
    if config.extra_src and not reads_source:
        raise UsageError(
            f"extra_src adds source images, and {'+'.join(config.method)} uses none; leave it out."
        )


def check_extra_targets(config: Config, parts: Parts) -> None:
    """Check that the further targets can join the target.

    Raises:
        UsageError: one is named twice or is labelled here, the run uses no target images, or there
            are weights for other data sets.
    """
    labelled = (config.src, *config.extra_src)
    for name in config.extra_tgt:
        if name == config.tgt:
            raise UsageError(
                f"extra_tgt names '{name}', which is the target already; leave it out."
            )
        if name in labelled:
            raise UsageError(
                f"extra_tgt names '{name}', whose labels this run learns from; leave it out."
            )
        if config.extra_tgt.count(name) > 1:
            raise UsageError(f"extra_tgt names '{name}' twice; name every data set once.")
    names = "+".join(config.method)
    if config.extra_tgt and config.tgt is None:
        raise UsageError("extra_tgt adds images to a target, and there is none; give --tgt.")
    if config.extra_tgt and "target" not in parts.streams:
        raise UsageError(f"extra_tgt adds target images, and {names} trains on none; leave it out.")
    if config.extra_tgt and parts.online:
        raise UsageError(
            f"extra_tgt adds training images, and '{parts.online}' adapts over the images that are "
            "scored; leave it out."
        )
    count = 1 + len(config.extra_tgt)
    if config.tgt_weights and (count == 1 or len(config.tgt_weights) != count):
        raise UsageError(
            f"tgt_weights has {len(config.tgt_weights)} numbers; give one for the target and one "
            f"for each data set of extra_tgt ({', '.join(config.extra_tgt) or 'none is named'})."
        )


def check_empty(config: Config, parts: Parts, task: Task) -> None:
    """Check that false alarms can be counted on empty scenes, and that those to learn are empty.

    Raises:
        UsageError: the task has no background, the run trains on the scenes that count or scores
            them, or scenes to learn from are a data set of the run, which has objects.
    """
    known = (*config.scored, *config.extra_src, *config.extra_tgt)
    if parts.pasting is not None and parts.pasting.empty in known:
        raise UsageError(
            f"teacher.empty names '{parts.pasting.empty}', which this run trains on or scores: its "
            "images would be taught as scenes without objects; give another data set."
        )
    if config.empty is None:
        return
    if not task.background:
        raise UsageError(
            f"empty is '{config.empty}', for false alarms: foreground where only background is. "
            "This task has no background; leave it out."
        )
    if config.empty in known:
        raise UsageError(
            f"empty names '{config.empty}', which this run trains on or scores; false alarms need "
            "scenes that it has not seen (to train on some, set teacher.empty)."
        )


def check_labels(config: Config, reads_source: bool, processes: int) -> None:
    """Check that target labels and sampling by class can be used.

    Raises:
        UsageError: there is no target, no label to draw by, or too small a batch.
    """
    if config.target_labels and config.tgt is None:
        raise UsageError(
            f"target_labels is {config.target_labels}, but there is no target; give --tgt, such "
            "as --tgt taco (for the oracle on target labels alone: dagen train --src taco "
            "--score taco)."
        )
    if config.target_labels and any(plugins.get("methods", n).online for n in config.method):
        raise UsageError(
            f"'{config.method[0]}' adapts over a stream of images without labels; leave "
            "target_labels out."
        )
    if config.target_labels and reads_source and config.labelled_batch < 2 * processes:
        key = "source_batch" if config.source_batch else "batch"
        raise UsageError(
            f"{key} is {config.labelled_batch}; with target_labels half of each process's labelled "
            f"images come from the target: give at least {2 * processes}."
        )
    if config.source_labels == 0:
        raise UsageError(
            "source_labels is 0; give a number of images, or all (a source-free strategy reads "
            "none anyway)."
        )
    if config.source_labels != "all" and not reads_source:
        raise UsageError(
            f"source_labels is {config.source_labels}, and {'+'.join(config.method)} uses no label "
            "of the source; leave it out."
        )
    if config.rare_class_sampling != "off" and not (reads_source or config.target_labels):
        raise UsageError(
            f"rare_class_sampling draws by label, and {'+'.join(config.method)} uses none; "
            "set it to off, or give target_labels."
        )


def check_augment(config: Config) -> None:
    """Check that the augmentation can be built, and goes with how windows are drawn.

    Raises:
        UsageError: a transform does not work, or windows that do not move are drawn by class or
            magnified.
    """
    pipelines.check(config.augment, config.size)
    if not config.random_window and config.rare_class_sampling != "off":
        raise UsageError(
            "rare_class_sampling looks for windows that show a class, and random_window is false; "
            "set one of them otherwise."
        )


def check_loss(config: Config, reads_source: bool) -> None:
    """Check that a run with a loss of labelled images has some.

    Raises:
        UsageError: it has none.
    """
    if (config.loss != Config.loss or config.loss_options) and not (
        reads_source or config.target_labels
    ):
        raise UsageError(
            f"loss is {config.loss}, the loss of labelled images, and {'+'.join(config.method)} "
            "uses none; leave it out."
        )


def check_compile(config: Config, parts: Parts) -> None:
    """Check that the student's passes can be compiled, and some of them will be.

    Raises:
        UsageError: they have statistics of several processes, the run is one pass over a stream, or
            it is over before anything is compiled.
    """
    if not config.compile:
        return
    if parts.online:
        raise UsageError(
            f"compile is for runs that train, and '{parts.online}' sees each image of a stream "
            "once, at its own size; leave it out."
        )
    if config.sync_batch_norm:
        raise UsageError(
            "compile cannot exchange the statistics of sync_batch_norm between processes; leave "
            "one of the two out."
        )
    if config.steps <= PLAIN_STEPS:
        raise UsageError(
            f"compile begins after step {PLAIN_STEPS}, and this run has {config.steps}; leave it "
            "out, or give more steps."
        )


def check_choice(config: Config, trained_on: Collection[Domain]) -> None:
    """Check that ``config.select`` may choose in this run.

    It may use only domains that the run trains on: source-only is chosen without any target image,
    source-free adaptation without the source.

    Args:
        config: configuration of the run.
        trained_on: the domains whose images the run trains on.

    Raises:
        UsageError: an unknown validator, one that uses another domain, or nothing to choose from.
    """
    select = config.select
    if select == LAST:
        return
    if select not in (names := plugins.names("validators")):
        raise unknown("validator", select, [LAST, *names])
    if config.candidates == 1:
        raise UsageError(
            f"select is {select}, but one checkpoint leaves no choice; set candidates to 2 or "
            "more, or select to last."
        )
    looks_at = validator_domains(select)
    if elsewhere := sorted(looks_at - set(trained_on)):
        raise UsageError(
            f"select is {select}, which uses {elsewhere[0]} images, but "
            f"{'+'.join(config.method)} trains without any; allowed here: "
            f"{', '.join([LAST, *applicable(trained_on)])}."
        )
    if "source" in looks_at and (config.src == config.tgt or config.ceiling == ORACLE):
        other = "last" if config.tgt is None else "a validator that reads none, such as infomax"
        raise UsageError(
            f"select is {select}, which reads labels of {config.src} val, but that is the target; "
            f"choose {other}."
        )


def applicable(domains: Collection[Domain]) -> list[str]:
    """The validators that can judge by images of ``domains``."""
    return [n for n in plugins.names("validators") if validator_domains(n) <= set(domains)]


def validator_domains(name: str) -> frozenset[Domain]:
    """The domains whose images a validator uses."""
    found: frozenset[Domain] = plugins.get("validators", name).domains
    return found
