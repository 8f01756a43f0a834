"""How a run draws its images."""

from __future__ import annotations

from dagen.datasets.loading.batches import Sampling
from dagen.runs.config import Config
from dagen.system.distributed import World


def sampling_of(config: Config, place: World | None = None) -> Sampling:
    """The settings of sampling; ``place`` is this process among several."""
    return Sampling(
        size=config.size,
        batch=config.batch,
        zoom=config.zoom,
        seed=config.seed,
        augment=config.augment,
        rank=0 if place is None else place.rank,
        world=1 if place is None else place.size,
        source_batch=config.source_batch,
        mirror=config.mirror,
        random_window=config.random_window,
    )
