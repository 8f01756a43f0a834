"""Points are balanced, spread over images, and decided by the seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagen.types import IGNORE
from dagen.visualization import sampling


@given(st.lists(st.integers(0, 40), max_size=12), st.integers(0, 200), st.integers(0, 9))
def test_shares_are_as_even_as_they_can_be(available: list[int], quota: int, seed: int) -> None:
    there = np.array(available, np.int64)
    taken = sampling.spread(there, quota, np.random.default_rng(seed))
    assert taken.sum() == min(quota, there.sum())
    assert (taken >= 0).all() and (taken <= there).all()
    # Who could give more has given no less than anybody, but for one that cannot be shared.
    for i in np.flatnonzero(taken < there):
        assert (taken <= taken[i] + 1).all()


def _labels(seed: int = 0, images: int = 6) -> list[np.ndarray]:
    draw = np.random.default_rng(seed)
    labels = [draw.choice([0, 0, 0, 1, 2, IGNORE], (9, 12)).astype(np.uint8) for _ in range(images)]
    labels[1][labels[1] == 2] = 0
    return labels


def test_every_class_gets_its_quota_from_all_its_images() -> None:
    labels = _labels()
    cells = sampling.balanced(labels, 4, 30, (0, 1))
    for class_ in (0, 1, 2):
        own = cells[cells[:, 3] == class_]
        assert len(own) == 30
        per_image = np.bincount(own[:, 0], minlength=6)
        having = np.array([(label == class_).any() for label in labels])
        assert (per_image[having] >= 5).all() and (per_image[~having] == 0).all()
    assert not (cells[:, 3] == 3).any()  # a class that nobody has
    assert len(np.unique(cells, axis=0)) == len(cells)
    assert all(labels[i][row, column] == class_ for i, row, column, class_ in cells)


def test_a_rare_class_gives_all_it_has() -> None:
    label = np.zeros((8, 8), np.uint8)
    label[2, 3:6] = 1
    cells = sampling.balanced([label], 2, 10, (0, 0))
    assert (cells[:, 3] == 1).sum() == 3 and (cells[:, 3] == 0).sum() == 10


def test_the_seed_decides() -> None:
    first, again, other = (sampling.balanced(_labels(), 3, 20, (seed, 0)) for seed in (5, 5, 6))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_a_cell_has_the_label_at_its_centre() -> None:
    label = np.arange(48, dtype=np.uint8).reshape(6, 8)
    assert sampling.on_grid(label, (3, 4)).tolist() == label[1::2, 1::2].tolist()
    assert np.array_equal(sampling.on_grid(label, (6, 8)), label)


def test_matched_points_are_equally_many_of_every_class() -> None:
    draw = np.random.default_rng(0)
    domain, label = draw.integers(0, 2, 200).astype(np.uint8), draw.choice([0, 1, 1, 1, 2], 200)
    label[domain == 1] = np.minimum(label[domain == 1], 1)  # the target lacks class 2
    kept = sampling.matched(domain, label.astype(np.uint8))
    for class_ in range(3):
        counts = [int((kept & (domain == d) & (label == class_)).sum()) for d in (0, 1)]
        least = min(int(((domain == d) & (label == class_)).sum()) for d in (0, 1))
        assert counts == [least, least]


@pytest.mark.parametrize(("count", "most"), [(10, None), (10, 10), (10, 3), (200, 7), (3, 5)])
def test_chosen_images_reach_from_the_first_to_the_last(count: int, most: int | None) -> None:
    chosen = sampling.evenly(count, most)
    assert len(chosen) == len(set(chosen)) == min(count, most or count)
    assert chosen[0] == 0 and chosen[-1] == count - 1


def test_cells_regardless_of_their_class_come_from_all_images_and_keep_it() -> None:
    labels = [np.full((4, 6), k, np.uint8) for k in (0, 2, 255)]
    cells = sampling.regardless(labels, 30, (0, 1))
    assert np.bincount(cells[:, 0]).tolist() == [10, 10, 10]
    assert len({tuple(cell) for cell in cells[:, :3].tolist()}) == 30
    assert (cells[:, 3] == np.array([0, 2, 255])[cells[:, 0]]).all()
    assert len(sampling.regardless(labels, 1000, (0, 1))) == 72
