"""Several labelled data sets as one source (``extra_src``).

Every data set is drawn equally often, whatever its size: image ``i`` of the whole is image
``i // D`` of data set ``i % D``, and smaller ones start again. So one epoch of the whole shows
each image of the largest data set once. This is the balanced sampling of multi-source
adaptation; procedural twins as extra sources are domain randomisation (Tobin et al., IROS 2017).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from dagen.datasets.base import Dataset, Image, Label


class Joined(Dataset):
    """Data sets of one task, drawn in turn."""

    def __init__(self, datasets: Sequence[Dataset]) -> None:
        """Take up ``datasets``, at least one, none of them empty."""
        first = datasets[0]
        super().__init__(first.root, first.split, first.task)
        self.datasets = tuple(datasets)

    def __len__(self) -> int:
        return len(self.datasets) * max(len(dataset) for dataset in self.datasets)

    def _at(self, index: int) -> tuple[Dataset, int]:
        turn, which = divmod(index, len(self.datasets))
        dataset = self.datasets[which]
        return dataset, turn % len(dataset)

    def name(self, index: int) -> str:
        """The image's name in its own data set."""
        dataset, own = self._at(index)
        return dataset.name(own)

    def image(self, index: int) -> Image:
        """The image as its own data set gives it."""
        dataset, own = self._at(index)
        return dataset.image(own)

    def label(self, index: int) -> Label:
        """The label as its own data set gives it."""
        dataset, own = self._at(index)
        return dataset.label(own)

    @property
    def has_labels(self) -> bool:
        """Whether labels of all data sets can be read."""
        return all(dataset.has_labels for dataset in self.datasets)

    def image_key(self, index: int) -> str:
        """The image's key in its own data set."""
        dataset, own = self._at(index)
        return dataset.image_key(own)

    def label_key(self, index: int) -> str | None:
        """The label's key in its own data set."""
        dataset, own = self._at(index)
        return dataset.label_key(own)

    def fingerprint(self) -> str:
        """SHA-256 (hex) over the fingerprints of the data sets, in order."""
        lines = "\n".join(dataset.fingerprint() for dataset in self.datasets)
        return hashlib.sha256(lines.encode()).hexdigest()


class Subset(Dataset):
    """Some images of a data set; the labels of the others are out of reach."""

    def __init__(self, dataset: Dataset, chosen: Sequence[int]) -> None:
        """Take up ``chosen``, positions in ``dataset``."""
        super().__init__(dataset.root, dataset.split, dataset.task)
        self.dataset = dataset
        self.chosen = tuple(chosen)

    def __len__(self) -> int:
        return len(self.chosen)

    def name(self, index: int) -> str:
        """The data set's name of the image."""
        return self.dataset.name(self.chosen[index])

    def image(self, index: int) -> Image:
        """The data set's image."""
        return self.dataset.image(self.chosen[index])

    def label(self, index: int) -> Label:
        """The data set's label."""
        return self.dataset.label(self.chosen[index])

    @property
    def has_labels(self) -> bool:
        """Whether labels can be read."""
        return self.dataset.has_labels

    def image_key(self, index: int) -> str:
        """The data set's key of the image."""
        return self.dataset.image_key(self.chosen[index])

    def label_key(self, index: int) -> str | None:
        """The data set's key of the label."""
        return self.dataset.label_key(self.chosen[index])

    def fingerprint(self) -> str:
        """SHA-256 (hex) over the data set's own and the names of the chosen images."""
        names = [self.name(index) for index in range(len(self))]
        return hashlib.sha256("\n".join([self.dataset.fingerprint(), *names]).encode()).hexdigest()
