"""Opens the images that a run trains on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dagen.datasets.base import Dataset
from dagen.datasets.loading import few_labels
from dagen.datasets.loading.batches import Feed, Stream, drawn
from dagen.datasets.loading.cache import CachedDataset, cached
from dagen.datasets.loading.empty import open_empty
from dagen.datasets.loading.foreground import require_foreground
from dagen.datasets.loading.opening import open_dataset, require_images, require_labels
from dagen.datasets.loading.pasting import Paster
from dagen.datasets.loading.rare_classes import RareClasses, rare_classes
from dagen.datasets.loading.wrappers import Joined, Pooled
from dagen.datasets.maps.base import Map
from dagen.datasets.reading.files import say_once
from dagen.engine.sampling import sampling_of
from dagen.engine.teachers import domains_of, open_maps
from dagen.runs.config import Config
from dagen.runs.plan import Plan


def open_feeds(plan: Plan, data_root: Path | None, runs: Path = Path("runs")) -> dict[Stream, Feed]:
    """The images of a run: labelled source images, unlabelled and labelled target images.

    Args:
        plan: plan of the run.
        data_root: see :func:`dagen.datasets.loading.opening.root`.
        runs: folder of all runs, for a teacher that is a run.

    Returns:
        ``source`` and ``target`` if they are needed, and ``labelled``: the target images whose
        labels ``target_labels`` allows.

    Raises:
        DataError: a data set or its labels are missing or damaged.
        UsageError: more target labels than there are images, or an unknown teacher.
    """
    config, streams = plan.config, plan.parts.streams
    feeds: dict[Stream, Feed] = {}
    if "source" in streams and plan.reads_source:
        found = [_training_images(plan, n, data_root) for n in (config.src, *config.extra_src)]
        for name, images in zip((config.src, *config.extra_src), found, strict=True):
            require_labels(images, name)
            for remark in images.dataset.label_remarks():
                say_once(remark)
            require_foreground(images, name)
        own: list[Dataset] = [*found]
        if config.source_labels != "all":
            some = few_labels.choose(
                found[0], config.source_labels, config.seed, config.src, "source_labels"
            )
            few_labels.warn_of_missing_classes(some, config.src)
            own[0] = some
        source = own[0] if len(own) == 1 else Joined(own)
        feeds["source"] = Feed(source, True, _rare(config, source, config.src))
    if config.tgt is None and not plan.pretrains:
        return feeds
    if "target" in streams:
        unlabelled = open_targets(plan, data_root)
        maps = open_maps(plan, runs, domains_of(plan, data_root))
        paster = _paster(plan, unlabelled, maps, data_root)
        feeds["target"] = Feed(unlabelled, False, maps=maps, paster=paster)
    if config.target_labels and config.tgt is not None:
        target = _training_images(plan, config.tgt, data_root)
        chosen = few_labels.choose(target, config.target_labels, config.seed, config.tgt)
        few_labels.warn_of_missing_classes(chosen, config.tgt)
        feeds["labelled"] = Feed(chosen, True, _rare(config, chosen, config.tgt))
    return feeds


def open_targets(plan: Plan, data_root: Path | None) -> Dataset:
    """The training images that are used without labels, as one data set.

    They are the target's and those that ``extra_tgt`` adds; in a run that pre-trains, half of them
    are the source's, or all without a target.

    Raises:
        DataError: a data set is missing, damaged or empty.
    """
    domains = [
        [_training_images(plan, name, data_root) for name in names] for names in plan.unlabelled
    ]
    if len(domains) == 1:
        (own,) = domains
        return own[0] if len(own) == 1 else Pooled(own, plan.config.tgt_weights)
    ours, theirs = domains
    weights = [*_shares([len(each) for each in ours])]
    weights += _shares(plan.config.tgt_weights or [len(each) for each in theirs])
    return Pooled([*ours, *theirs], weights)


def _shares(weights: Sequence[float]) -> list[float]:
    return [weight / sum(weights) for weight in weights]


def _paster(
    plan: Plan, images: Dataset, maps: Mapping[str, Map], data_root: Path | None
) -> Paster | None:
    wanted = plan.parts.pasting
    if wanted is None:
        return None
    empty = None
    if wanted.empty is not None:
        scenes = open_empty(wanted.empty, "train", plan.task, data_root)
        require_images(scenes, wanted.empty)
        empty = _kept(plan, scenes)
    donors = drawn("target", images, sampling_of(plan.config), plan.config.steps)
    return Paster(images, donors, maps, wanted.share, empty, wanted.empty_share)


def _training_images(plan: Plan, name: str, data_root: Path | None) -> CachedDataset:
    dataset = open_dataset(name, "train", plan.task, data_root)
    require_images(dataset, name)
    return _kept(plan, dataset)


def _kept(plan: Plan, dataset: Dataset) -> CachedDataset:
    height, width = plan.config.size
    # Magnified crops never need more pixels than this.
    zoom = plan.config.zoom
    return cached(dataset, (round(height * zoom), round(width * zoom)))


def _rare(config: Config, dataset: Dataset, name: str) -> RareClasses | None:
    if config.rare_class_sampling == "off":
        return None
    return rare_classes(dataset, config.rare_class_sampling, config.size, name)
