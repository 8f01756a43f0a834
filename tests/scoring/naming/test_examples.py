from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from dagen.datasets.resortit import ReSortIt
from dagen.scoring.naming import examples as naming
from dagen.scoring.naming.examples import examples, names_of
from dagen.types import Task
from tests import tiny


@pytest.fixture
def belt(tmp_path: Path) -> ReSortIt:
    return ReSortIt(tiny.make_resortit(tmp_path, train=6, val=1), "train", Task.MATERIAL)


def test_every_labelled_object_is_an_example_of_its_class(belt: ReSortIt) -> None:
    found = examples([belt], Task.MATERIAL, 64)
    wanted = Counter(
        int(name) for i in range(len(belt)) for name in np.unique(belt.label(i)) if name
    )
    assert Counter(names_of(found).tolist()) == wanted and 0 not in wanted
    for one in found:
        assert one.image.shape == (64, 64, 3) and one.mask.shape == (64, 64)
        assert (one.image[one.mask == 0] == 127).all() and (one.mask == 255).sum() > 200


def test_they_are_the_same_each_time_and_not_too_many(
    belt: ReSortIt, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, again = (examples([belt], Task.MATERIAL, 32) for _ in range(2))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(first, again, strict=True))
    monkeypatch.setattr(naming, "MOST", 2)
    few = names_of(examples([belt], Task.MATERIAL, 32)).tolist()
    assert Counter(few) == dict.fromkeys(range(1, 5), 2)


def test_colours_change_and_shapes_do_not(belt: ReSortIt) -> None:
    found = [one for one in examples([belt, belt], Task.MATERIAL, 64) if one.name == 1]
    seen = {tuple(one.image[one.mask == 255].mean(0).round().astype(int)) for one in found}
    assert len(seen) > 1
    areas = sorted(int((one.mask > 127).sum()) for one in found)
    pairs = zip(areas[::2], areas[1::2], strict=True)  # each object is there twice
    assert all(abs(a - b) <= 2 for a, b in pairs)
