from collections import deque

import torch
from hypothesis import given
from hypothesis import strategies as st

from dagen.methods.shared.memory import Rings, balanced

_ARRIVALS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 7)), max_size=12)


@given(_ARRIVALS, st.integers(1, 5))
def test_each_ring_holds_its_newest(arrivals: list[tuple[int, int]], room: int) -> None:
    rings, slow = Rings(3, room, 2), [deque[int](maxlen=room) for _ in range(3)]
    number = 0
    for ring, count in arrivals:
        new = range(number + 1, number + 1 + count)
        rings.add(ring, torch.tensor([[float(n)] * 2 for n in new]).view(count, 2))
        slow[ring].extend(new)
        number += count
    held = [sorted(int(row[0]) for row in ring) for ring in rings.held()]
    assert held == [list(ring) for ring in slow]
    assert rings.filled.sum(1).tolist() == [len(ring) for ring in slow]
    assert not rings.items[~rings.filled].any()


def test_a_state_brings_back_items_and_places() -> None:
    first, second = Rings(2, 3), Rings(2, 3)
    first.add(1, torch.arange(4.0))
    second.load_state_dict(first.state_dict())
    for rings in (first, second):
        rings.add(1, torch.tensor([9.0]))
    assert torch.equal(first.items, second.items)
    assert sorted(second.held()[1].tolist()) == [2, 3, 9]


def test_classes_give_equally_many_as_far_as_there_are() -> None:
    label = torch.tensor([0] * 9 + [2] * 2 + [1] * 5 + [255] * 4)
    chosen = balanced(label, 3, 3, torch.Generator().manual_seed(0))
    assert label[chosen].tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    assert len(chosen.unique()) == len(chosen)
    others = balanced(label, 3, 3, torch.Generator().manual_seed(1))
    assert others.tolist() != chosen.tolist()
    assert label[balanced(label, 1, 3, torch.Generator(), first=1)].tolist() == [1, 1, 1]
