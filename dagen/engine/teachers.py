"""The teachers of a run: opened, kept in its record, and made to answer before it trains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import product
from pathlib import Path

from dagen import plugins
from dagen.datasets.base import Dataset
from dagen.datasets.loading.batches import Feed, drawn
from dagen.datasets.loading.opening import open_dataset
from dagen.datasets.maps.base import Map
from dagen.engine.sampling import sampling_of
from dagen.errors import UsageError
from dagen.methods.base import Asked
from dagen.runs.config import Config
from dagen.runs.plan import Plan
from dagen.scoring.naming.named import Domains
from dagen.scoring.teachers import open_network, open_teacher
from dagen.system.sealing import read_record, write_record
from dagen.types import MIRRORED, NAMED

FILE = "teachers.json"
"""The teachers of a run and their digests, in the run's folder."""


def open_maps(plan: Plan, runs: Path, domains: Domains | None = None) -> dict[str, Map]:
    """The kinds of maps that a run needs, by name.

    Args:
        plan: plan of the run.
        runs: folder of all runs, for a teacher that is a run.
        domains: what names of regions are learnt from; None to look only whether all is there.

    Raises:
        DagenError: a teacher is missing or damaged.
        UsageError: regions are to be named, and the run has no source to learn names from.
    """
    if _names_regions(plan) and not plan.reads_source:
        raise UsageError(
            "named: learns names from the source's labels, and this run reads no source; leave "
            "named: out, or add a strategy that learns from the source."
        )
    return {
        name: open_teacher(name, plan.task, runs, prepared, domains)
        for name, prepared in plan.parts.maps.items()
    }


def domains_of(plan: Plan, data_root: Path | None) -> Domains | None:
    """What names of regions are learnt from: training images alone; None if none are named.

    Raises:
        DagenError: a data set is missing or damaged.
    """
    if not _names_regions(plan):
        return None

    def opened(names: Iterable[str]) -> list[Dataset]:
        return [open_dataset(name, "train", plan.task, data_root) for name in names]

    config = plan.config
    return Domains(opened((config.src, *config.extra_src)), opened(plan.unlabelled[-1]))


def _names_regions(plan: Plan) -> bool:
    return any(name.removeprefix(MIRRORED).startswith(NAMED) for name in plan.parts.maps)


def open_networks(plan: Plan, runs: Path) -> dict[str, Asked]:
    """The trained networks that a run's strategies ask live, by name.

    Raises:
        DagenError: a network is missing or damaged, or segments other classes.
    """
    return {
        name: open_network(name, plan.facts, runs, features=plan.pretrains)
        for name in plan.parts.networks
    }


def digests(maps: Mapping[str, Map], networks: Mapping[str, Asked]) -> dict[str, str]:
    """The digests of a run's teachers by name; kinds of maps that are code have none."""
    code = plugins.names("maps")
    made = {n: kind.digest for n, kind in maps.items() if n.removeprefix(MIRRORED) not in code}
    return made | {name: network.digest for name, network in networks.items()}


def settle_teachers(folder: Path, own: Mapping[str, str]) -> None:
    """Keep the digests of a run's teachers, and refuse others in the same folder.

    Args:
        folder: the run's folder; it exists.
        own: the digests of the run's teachers, by name.

    Raises:
        UsageError: the run began with other files.
        DagenError: the file of its teachers is damaged.
    """
    path = folder / FILE
    if not own:
        return
    if not path.is_file():
        write_record(path, own)
        return
    before = read_record(path, "the teachers", dict)
    if before != dict(own):
        changed = next((n for n in own if before.get(n) != own[n]), next(iter(own)))
        raise UsageError(
            f"{folder.name} began with another file of the teacher {changed}, or prepared its "
            "input in another way; put the old one back, or start again with --fresh."
        )


def make_maps(
    feed: Feed, config: Config, on_map: Callable[[int, int], None] = lambda done, total: None
) -> None:
    """Make the maps of all images that a run will draw, before it trains.

    Without this, the first steps would wait for a teacher, and a loader process would run it.

    Args:
        feed: the stream of target images.
        config: configuration of the run.
        on_map: called with the number of maps done and their total.

    Raises:
        DagenError: a teacher or an image is damaged, or a map is missing.
    """
    images = drawn("target", feed.dataset, sampling_of(config), config.steps)
    total = len(images) * len(feed.maps)
    names = {feed.dataset.image_key(index): feed.dataset.name(index) for index in images}
    for kind in feed.maps.values():
        kind.require(names)
    for done, (kind, index) in enumerate(product(feed.maps.values(), images), start=1):
        feed.dataset.map_of(index, kind)
        on_map(done, total)
