"""Checksums of plain values: every change is noticed, the order of keys is none."""

import json

import pytest

from dagen.system.sealing import SEAL, checksum, sealed, unsealed

VALUES = {"score": 0.71, "names": ["a", "é"], "inner": {"nan": float("nan"), "none": None}}


def test_what_is_sealed_comes_back() -> None:
    again = json.loads(json.dumps(sealed(VALUES)))
    assert repr(unsealed(again)) == repr(VALUES)


def test_the_order_of_keys_does_not_matter() -> None:
    turned = dict(reversed(list(sealed(VALUES).items())))
    assert checksum(unsealed(turned)) == checksum(VALUES)


@pytest.mark.parametrize("changed", [{"score": 0.77}, {"names": ["a"]}, {"new": 1}, {SEAL: ""}])
def test_a_change_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="differ from their checksum"):
        unsealed({**sealed(VALUES), **changed})


def test_values_of_older_versions_have_no_checksum() -> None:
    assert unsealed(VALUES) == VALUES


@pytest.mark.parametrize("given", [[], None, 3, "x"])
def test_only_an_object_has_values(given: object) -> None:
    with pytest.raises(ValueError, match="no JSON object"):
        unsealed(given)
