"""Data sets that are made of others: several as one source, or some images of one.

Each says where its images come from; all else is what the data set behind an image says of it.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import accumulate

import numpy as np

from dagen.datasets.base import Dataset, Image, Label
from dagen.datasets.loading.order import Shards, joined
from dagen.datasets.maps.base import Array, Map


class Wrapper(Dataset):
    """Base of the data sets that delegate everything to other data sets."""

    def __init__(self, first: Dataset) -> None:
        """Copy root, split and task of ``first``."""
        super().__init__(first.root, first.split, first.task)

    def behind(self, index: int) -> tuple[Dataset, int]:
        """The data set of image ``index``, and its position there."""
        raise NotImplementedError

    def name(self, index: int) -> str:
        """The image's name in its own data set."""
        dataset, own = self.behind(index)
        return dataset.name(own)

    def image(self, index: int) -> Image:
        """The image, from its own data set."""
        dataset, own = self.behind(index)
        return dataset.image(own)

    def label(self, index: int) -> Label:
        """The label, from its own data set."""
        dataset, own = self.behind(index)
        return dataset.label(own)

    def map_of(self, index: int, kind: Map) -> Array:
        """The map, from the image's own data set."""
        dataset, own = self.behind(index)
        return dataset.map_of(own, kind)

    def image_key(self, index: int) -> str:
        """The image's key in its own data set."""
        dataset, own = self.behind(index)
        return dataset.image_key(own)

    def label_key(self, index: int) -> str | None:
        """The label's key in its own data set."""
        dataset, own = self.behind(index)
        return dataset.label_key(own)

    def instances(self, index: int) -> int | None:
        """The value of the image's own data set."""
        dataset, own = self.behind(index)
        return dataset.instances(own)

    def scene(self, index: int) -> str | None:
        """The value of the image's own data set."""
        dataset, own = self.behind(index)
        return dataset.scene(own)


class Joined(Wrapper):
    """Several labelled data sets of one task as one source (``extra_src``).

    Every data set is drawn equally often, whatever its size: image ``i`` of the whole is image
    ``i // D`` of data set ``i % D``, and smaller ones start again. So one epoch of the whole
    shows each image of the largest data set once. This is the balanced sampling of multi-source
    adaptation; procedural twins as extra sources are domain randomisation (Tobin et al., IROS
    2017).
    """

    def __init__(self, datasets: Sequence[Dataset]) -> None:
        """Join ``datasets``, at least one and none of them empty."""
        super().__init__(datasets[0])
        self.datasets = tuple(datasets)

    def met(self) -> Mapping[str, str]:
        """The names of all of them."""
        return {name: meant for each in self.datasets for name, meant in each.met().items()}

    def __len__(self) -> int:
        return len(self.datasets) * max(len(dataset) for dataset in self.datasets)

    def behind(self, index: int) -> tuple[Dataset, int]:
        """The data sets in turn, each repeated from its start."""
        turn, which = divmod(index, len(self.datasets))
        dataset = self.datasets[which]
        return dataset, turn % len(dataset)

    @cached_property
    def shards(self) -> Shards | None:
        """The shards of all of them."""
        turn, which = np.divmod(np.arange(len(self)), len(self.datasets))
        own = turn % np.array([len(dataset) for dataset in self.datasets])[which]
        return joined([dataset.shards for dataset in self.datasets], which, own)

    @property
    def has_labels(self) -> bool:
        """Whether labels of all data sets can be read."""
        return all(dataset.has_labels for dataset in self.datasets)

    def fingerprint(self) -> str:
        """SHA-256 (hex) over the fingerprints of the data sets, in order."""
        lines = "\n".join(dataset.fingerprint() for dataset in self.datasets)
        return hashlib.sha256(lines.encode()).hexdigest()


class Pooled(Wrapper):
    """Several data sets as one unlabelled target (``extra_tgt``).

    Without weights every image is drawn equally often, so the share of a data set is that of its
    images. With weights the share of a data set is its weight's in their sum: its images are
    repeated until it has that share, and each image of each data set is there at least once.
    """

    def __init__(self, datasets: Sequence[Dataset], weights: Sequence[float] = ()) -> None:
        """Pool ``datasets``, at least one and none of them empty.

        Args:
            datasets: the data sets.
            weights: a number above 0 for each of them; none for the number of its images.
        """
        super().__init__(datasets[0])
        self.datasets = tuple(datasets)
        sizes = [len(dataset) for dataset in self.datasets]
        shares = [weight / sum(weights) for weight in weights]
        whole = max((n / s for n, s in zip(sizes, shares, strict=bool(shares))), default=0.0)
        counts = [round(whole * share) for share in shares] or sizes
        self._ends = tuple(accumulate(counts))

    def __len__(self) -> int:
        return self._ends[-1]

    def behind(self, index: int) -> tuple[Dataset, int]:
        """The data sets one after the other, each repeated as often as its weight asks for."""
        which = bisect_right(self._ends, index)
        dataset = self.datasets[which]
        return dataset, (index - (self._ends[which - 1] if which else 0)) % len(dataset)

    @cached_property
    def shards(self) -> Shards | None:
        """The shards of all of them."""
        which = np.searchsorted(np.array(self._ends), np.arange(len(self)), "right")
        starts = np.array([0, *self._ends])[which]
        own = (np.arange(len(self)) - starts) % np.array([len(d) for d in self.datasets])[which]
        return joined([dataset.shards for dataset in self.datasets], which, own)

    @property
    def has_labels(self) -> bool:
        """False: it is a target for training, whose labels nobody may read."""
        return False

    def fingerprint(self) -> str:
        """SHA-256 (hex) over the fingerprints of the data sets and their shares, in order."""
        lines = [
            f"{d.fingerprint()} {end}" for d, end in zip(self.datasets, self._ends, strict=True)
        ]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


class Subset(Wrapper):
    """Some images of a data set; the labels of the others cannot be read."""

    def __init__(self, dataset: Dataset, chosen: Sequence[int]) -> None:
        """Select ``chosen``, positions in ``dataset``."""
        super().__init__(dataset)
        self.dataset = dataset
        self.chosen = tuple(chosen)

    def __len__(self) -> int:
        return len(self.chosen)

    def met(self) -> Mapping[str, str]:
        """The data set's own names."""
        return self.dataset.met()

    def behind(self, index: int) -> tuple[Dataset, int]:
        """The chosen image."""
        return self.dataset, self.chosen[index]

    @property
    def has_labels(self) -> bool:
        """Whether labels can be read."""
        return self.dataset.has_labels

    @cached_property
    def shards(self) -> Shards | None:
        """The shards of the chosen images."""
        own = np.array(self.chosen, np.int64)
        return joined([self.dataset.shards], np.zeros(len(own), np.int64), own)

    @property
    def labelled(self) -> Sequence[int]:
        """Positions of the chosen images that have a label."""
        known = {*self.dataset.labelled}
        return [place for place, index in enumerate(self.chosen) if index in known]

    def fingerprint(self) -> str:
        """SHA-256 (hex) over the data set's own and the names of the chosen images."""
        names = [self.name(index) for index in range(len(self))]
        return hashlib.sha256("\n".join([self.dataset.fingerprint(), *names]).encode()).hexdigest()
