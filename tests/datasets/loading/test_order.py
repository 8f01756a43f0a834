"""The order in which images are drawn: each once an epoch, and those in shards shard by shard."""

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dagen.datasets.base import Dataset
from dagen.datasets.loading import order
from dagen.datasets.loading.order import ALONE, OPEN, Shards
from dagen.datasets.loading.wrappers import Joined, Pooled, Subset
from dagen.types import Task


def _draw(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_files_of_their_own_are_drawn_as_ever() -> None:
    expected = _draw(3).permutation(50)
    assert order.epoch(_draw(3), 50, None).tolist() == expected.tolist()


@settings(deadline=None)
@given(st.lists(st.integers(ALONE, 14), max_size=80), st.integers(0, 99))
def test_shards_are_drawn_a_few_at_a_time(of: list[int], seed: int) -> None:
    shards = Shards(np.array(of, np.int32))
    found = order.epoch(_draw(seed), len(of), shards).tolist()
    assert sorted(found) == list(range(len(of)))
    assert order.epoch(_draw(seed), len(of), shards).tolist() == found
    groups: list[set[int]] = []  # that follow each other; once one has begun, the last is over
    for shard in (of[k] for k in found if of[k] != ALONE):
        if groups and (shard in groups[-1] or len(groups[-1]) < OPEN):
            groups[-1].add(shard)
        else:
            groups.append({shard})
    # Empty shards take a place in a group too, so a group may be smaller than it looks here.
    if {*of} >= {*range(max(of, default=ALONE) + 1)}:
        assert sum(map(len, groups)) == len({*of} - {ALONE})


def test_other_images_are_spread_over_the_epoch() -> None:
    of = np.repeat(np.arange(40, dtype=np.int32), 20)
    of = np.concatenate([of, np.full(800, ALONE, np.int32)])
    alone = of[order.epoch(_draw(0), len(of), Shards(of))] == ALONE
    shares = alone.reshape(16, -1).mean(1)
    assert shares.min() > 0.3 and shares.max() < 0.7


class Sharded(Dataset):
    """``count`` images, ``each`` of them in a shard; 0 for files of their own."""

    def __init__(self, count: int, each: int) -> None:
        super().__init__(Path(), "train", Task.BINARY)
        self.count = count
        self.each = each

    def __len__(self) -> int:
        return self.count

    @property
    def shards(self) -> Shards | None:
        return Shards(np.arange(self.count, dtype=np.int32) // self.each) if self.each else None


def _expected(found: Dataset, firsts: dict[Dataset, int]) -> list[int]:
    expected = []
    for k in range(len(found)):
        dataset, own = found.behind(k)  # type: ignore[attr-defined]
        shards = dataset.shards
        expected.append(ALONE if shards is None else firsts[dataset] + int(shards.of[own]))
    return expected


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_wrappers_keep_the_shards_of_their_images(a: int, b: int, c: int, weighed: bool) -> None:
    one, plain, other = Sharded(a, 2), Sharded(b, 0), Sharded(c, 3)
    firsts = {one: 0, other: -(-a // 2)}
    pooled = Pooled([one, plain, other], [1, 2, 3] if weighed else [])
    for found in (Joined([one, plain, other]), pooled):
        assert found.shards is not None
        assert found.shards.of.tolist() == _expected(found, firsts)
        assert found.shards is found.shards  # orders are kept by it
    subset = Subset(one, [a - 1, 0])
    assert subset.shards is not None
    assert subset.shards.of.tolist() == [(a - 1) // 2, 0]


def test_without_shards_wrappers_have_none() -> None:
    plain = Sharded(3, 0)
    for found in (Joined([plain]), Pooled([plain, plain]), Subset(plain, [1])):
        assert found.shards is None
