"""Checksums of plain values: every change is noticed, the order of keys is none."""

import json
from pathlib import Path

import pytest

from dagen.errors import DagenError
from dagen.system.sealing import SEAL, checksum, read_record, sealed, unsealed, write_record

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


def test_every_flipped_bit_of_a_record_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "classes.json"
    write_record(path, {"classes": ["background", "can"], "background": True})
    known = read_record(path, "the classes", lambda values: values["classes"])
    assert known == ["background", "can"]
    whole = path.read_bytes()
    for at in range(len(whole)):
        for bit in range(8):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
            try:
                # Space between values says nothing.
                assert read_record(path, "the classes", lambda v: v["classes"]) == known
            except DagenError as error:
                assert "is damaged, so nothing says whether the classes are those" in str(error)
                assert error.exit_code == 1


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"[" * 100_000, b"\xff\xfe"])
def test_another_record_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.json").write_bytes(content)
    with pytest.raises(DagenError, match=r"data\.json is damaged.*remove this file .* --fresh\.$"):
        read_record(tmp_path / "data.json", "the data", lambda values: values["train"])
