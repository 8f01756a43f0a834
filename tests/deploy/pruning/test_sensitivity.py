"""Which channels go: the cheapest loss for each MAC first, until the share is reached."""

import pytest

from dagen.deploy.pruning.arithmetic import Arithmetic
from dagen.deploy.pruning.groups import Group, together
from dagen.deploy.pruning.sensitivity import SHARES, Felt, allotted, removed_of, sensitivity
from dagen.deploy.pruning.surgery import Removed
from dagen.errors import UsageError


class Counted(Arithmetic):
    """Two layers: each channel of ``wide`` costs 2 MACs, each of ``thin`` 1."""

    def __init__(self) -> None:
        pass

    def macs(self, removed: Removed | None = None) -> int:
        gone = {} if removed is None else removed.outputs
        return 48 - 2 * len(gone.get("wide", ())) - len(gone.get("thin", ()))


def group(layer: str) -> Group:
    goes = tuple(Removed({layer: {k}}) for k in range(16))
    return Group(layer, goes, tuple(map(float, range(16))))


GROUPS = [group("wide"), group("thin")]


def macs_left(going: dict[str, int]) -> int:
    by_layer = {each.layer: each for each in GROUPS}
    return Counted().macs(together(by_layer[name].least(n) for name, n in going.items()))


def test_numbers_of_channels() -> None:
    assert [removed_of(16, share) for share in SHARES] == [4, 8, 12]
    assert [removed_of(18, share) for share in SHARES] == [6, 10, 14]  # multiples of four stay
    assert [removed_of(4, share) for share in SHARES] == [1, 2, 3]
    assert removed_of(1, 0.75) == 0


def test_the_cheapest_goes_first() -> None:
    # For each MAC saved, wide costs 1/8, then 1/8, then 10/8; thin 1/4 for each step.
    felt = [Felt("wide", 16, (1, 2, 12)), Felt("thin", 16, (1, 2, 3))]
    found = allotted(Counted(), GROUPS, felt, 0.6)
    assert found == {"wide": 8, "thin": 4} and macs_left(found) == 28 <= 0.6 * 48
    assert allotted(Counted(), GROUPS, felt, 0.99) == {"wide": 4}


def test_steps_of_a_layer_keep_their_order() -> None:
    # More channels seem to lose less, which is noise: the first step is paid for both.
    felt = [Felt("wide", 16, (9, 1, 1)), Felt("thin", 16, (0.1, 0.2, 0.3))]
    assert allotted(Counted(), GROUPS, felt, 0.85) == {"thin": 8}
    assert allotted(Counted(), GROUPS, felt, 0.75) == {"thin": 8, "wide": 4}


def test_no_layer_loses_more_than_half_if_others_can() -> None:
    # Alone, thin seems to bear anything.
    felt = [Felt("wide", 16, (5, 6, 7)), Felt("thin", 16, (0, 0, 0))]
    assert allotted(Counted(), GROUPS, felt, 0.7) == {"thin": 8, "wide": 4}
    assert allotted(Counted(), GROUPS, felt, 0.5) == {"thin": 8, "wide": 8}
    # Where that is not enough, more goes, again the cheapest first.
    assert allotted(Counted(), GROUPS, felt, 0.45) == {"thin": 12, "wide": 8}


def test_a_share_that_cannot_be_reached() -> None:
    felt = [Felt("wide", 16, (0, 0, 0)), Felt("thin", 16, (0, 0, 0))]
    with pytest.raises(UsageError, match="pruned to 25 % of its MACs at most, and 20 % is asked"):
        allotted(Counted(), GROUPS, felt, 0.2)


def test_no_layer_is_measured_twice() -> None:
    told: list[Felt] = []
    found = sensitivity(
        GROUPS, lambda gone: float(sum(map(len, gone.outputs.values()))),
        {"thin": Felt("thin", 16, (7, 8, 9))}, told.append,
    )  # fmt: skip
    assert found == [Felt("wide", 16, (4, 8, 12)), Felt("thin", 16, (7, 8, 9))]
    assert told == found[:1]
