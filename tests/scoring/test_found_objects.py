"""Labelled objects by size; what is found of each is tested with the cases of `visualize`."""

from dagen.scoring.found_objects import SIZES, Object, by_size


def test_every_object_is_in_one_group_by_its_share() -> None:
    shares = [0.0005, 0.001, 0.0049, 0.005, 0.02, 0.0799, 0.08, 1.0]
    groups = by_size(Object(1, share, (0.0,), (0.0,)) for share in shares)
    assert [[one.share for one in groups[name]] for name in SIZES] == [
        [0.0005], [0.001, 0.0049], [0.005], [0.02, 0.0799], [0.08, 1.0],
    ]  # fmt: skip
