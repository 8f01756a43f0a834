import hashlib
import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from dagen.datasets.base import Dataset
from dagen.datasets.loading.batches import Feed, Sampling, Steps, batches
from dagen.datasets.loading.few_labels import choose, warn_of_missing_classes
from dagen.datasets.loading.wrappers import Subset
from dagen.errors import DataError, UsageError
from dagen.types import Batch, Task


class Watched(Dataset):
    """Image i is filled with 10 i + ``offset``; every label that is opened is noted."""

    def __init__(self, count: int, offset: int = 0, task: Task = Task.BINARY) -> None:
        super().__init__(Path(), "train", task)
        self.count = count
        self.offset = offset
        self.opened: list[int] = []

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return f"{self.offset}/{index:03}.jpg"

    def image(self, index: int) -> np.ndarray:
        return np.full((32, 32, 3), 10 * index + self.offset, np.uint8)

    def label(self, index: int) -> np.ndarray:
        self.opened.append(index)
        return np.full((32, 32), index % 2, np.uint8)

    def fingerprint(self) -> str:
        return "f"


class Unlabelled(Watched):
    @property
    def has_labels(self) -> bool:
        return False


def test_the_rule_is_the_published_one_and_opens_no_label() -> None:
    data = Watched(12)
    chosen = choose(data, 5, 3, "taco")
    order = sorted(range(12), key=lambda i: hashlib.sha256(f"3/0/{i:03}.jpg".encode()).hexdigest())
    assert list(chosen.chosen) == order[:5]
    assert data.opened == []


def test_fewer_are_among_more_and_seeds_differ() -> None:
    few, more = (choose(Watched(40), count, 0, "taco").chosen for count in (5, 10))
    assert more[:5] == few
    assert choose(Watched(40), 5, 1, "taco").chosen != few
    assert choose(Watched(40), "all", 0, "taco").chosen == tuple(range(40))


def test_what_cannot_be_chosen_is_one_clear_line() -> None:
    with pytest.raises(
        UsageError, match="taco has 4 training images with labels: give at most 4, or all"
    ):
        choose(Watched(4), 5, 0, "taco")
    with pytest.raises(DataError, match="taco has no labels here"):
        choose(Unlabelled(4), 1, 0, "taco")


def test_a_subset_is_the_data_set_seen_through_a_list() -> None:
    subset = Subset(Watched(6), [4, 1])
    assert len(subset) == 2 and subset.name(1) == "0/001.jpg"
    assert subset.image(0)[0, 0, 0] == 40 and subset.label(1)[0, 0] == 1
    prints = {Subset(Watched(6), chosen).fingerprint() for chosen in ([4, 1], [4], [1, 4], [5])}
    assert len(prints) == 4


def test_missing_classes_are_named(caplog: pytest.LogCaptureFixture) -> None:
    data = Watched(6, task=Task.MATERIAL)
    with caplog.at_level(logging.WARNING, "dagen"):
        warn_of_missing_classes(Subset(data, [0, 1]), "taco")
    assert "none of the 2 labelled images of taco shows paper or bottle or nylon." in caplog.text
    assert data.opened == [0, 1]
    caplog.clear()
    warn_of_missing_classes(Subset(Watched(6), [1]), "taco")
    assert not caplog.text


def _steps(
    *, source: bool = True, batch: int = 4, rank: int = 0, world: int = 1
) -> tuple[Steps, Watched]:
    target = Watched(7, offset=5)
    feeds = {
        "target": Feed(target, False),
        "labelled": Feed(choose(target, 3, 0, "taco"), True),
    }
    if source:
        feeds["source"] = Feed(Watched(5), True)
    sampling = Sampling((32, 32), batch, 2.0, 0, "none", rank, world)
    return Steps(feeds, sampling, steps=6), target  # type: ignore[arg-type]


def _values(batch: Batch) -> list[int]:
    assert batch.source is not None
    return (batch.source.image[:, 0, 0, 0] * 255).round().int().tolist()


def test_half_of_the_labelled_rows_are_the_targets() -> None:
    steps, target = _steps()
    seen: set[str] = set()
    for step in range(6):
        batch = steps[step]
        assert batch.source is not None and batch.target is not None
        assert batch.source.target_rows == 2 and len(batch.source.image) == 4
        assert [value % 10 for value in _values(batch)] == [0, 0, 5, 5]
        assert batch.source.label is not None and batch.source.label.shape == (4, 32, 32)
        assert batch.target.label is None and batch.target.target_rows == 0
        names = steps.names(batch)
        assert [int(n[:1]) for n in names] == [0, 0, 5, 5, 5, 5, 5, 5]
        assert [10 * int(n[2:5]) + int(n[0]) for n in names[:4]] == _values(batch)
        seen.update(names[2:4])
    assert len(seen) == 3  # every granted label is used,
    assert set(target.opened) == set(choose(target, 3, 0, "taco").chosen)  # and no other opened


def test_without_a_source_all_labelled_rows_are_the_targets() -> None:
    batch = _steps(source=False)[0][0]
    assert batch.source is not None and batch.source.target_rows == 4
    assert [value % 10 for value in _values(batch)] == [5] * 4


def test_unlabelled_streams_are_as_without_labels() -> None:
    feeds = {"source": Feed(Watched(5), True), "target": Feed(Watched(7, offset=5), False)}
    plain = Steps(feeds, Sampling((32, 32), 4, 2.0, 0), steps=6)  # type: ignore[arg-type]
    ours, theirs = _steps()[0][3].target, plain[3].target
    assert ours is not None and theirs is not None
    assert torch.equal(ours.image, theirs.image) and torch.equal(ours.index, theirs.index)


def test_workers_resuming_and_ranks_change_nothing() -> None:
    def rows(batch: Batch) -> list[torch.Tensor]:
        assert batch.source is not None and batch.source.label is not None
        return [batch.source.image, batch.source.index, batch.source.label]

    alone = [rows(b) for b in batches(_steps()[0], 0, 0)]
    for start, workers in ((0, 2), (4, 0)):
        other = [rows(b) for b in batches(_steps()[0], start, workers)]
        for one, two in zip(alone[start:], other, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    halves = [_values(_steps(rank=rank, world=2)[0][2]) for rank in (0, 1)]
    together = [halves[0][0], halves[1][0], halves[0][1], halves[1][1]]
    assert together == _values(_steps()[0][2])
