"""What an exported file says of itself, and its seal."""

import json
from dataclasses import replace

import pytest

from dagen.deploy.facts import (
    FACTS,
    MARK,
    SEAL,
    Facts,
    check_seal,
    from_metadata,
    seal,
    to_metadata,
)
from dagen.errors import DagenError
from dagen.models.deployed.card import KEY, Card
from dagen.types import Task

FULL = Facts(
    card=Card("toy", "binary", (32, 48), weights="ab"),
    input="uint8", precision="int8", dynamic=False, multiple=4, stride=4, feature_channels=8,
    feature_stride=4, parameters=100, macs=1000, licence="CC-BY-4.0", data=("taco", "resortit"),
    checked={"logits": 1e-6}, calibration={"data": "taco"}, made_by={"dagen": "0.2"},
)  # fmt: skip


def test_facts_survive_and_the_task_is_spelled_out() -> None:
    metadata = to_metadata(FULL)
    found = from_metadata(metadata, "x.onnx")
    spelled = replace(FULL.card, classes=Task.BINARY.classes, colours=Task.BINARY.colours)
    assert found == replace(FULL, card=spelled) and found.card.weights == "ab"
    # Anybody can read them without dagen.
    assert json.loads(metadata[KEY])["classes"] == ["background", "waste"]
    assert json.loads(metadata[FACTS])["licence"] == "CC-BY-4.0"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({KEY: None}, "was not exported by dagen"),
        ({FACTS: None}, "was not exported by dagen"),
        ({FACTS: "{"}, "damaged metadata"),
        ({FACTS: "[]"}, "damaged metadata"),
        ({FACTS: '{"format": 2}'}, "newer dagen"),
        ({FACTS: '{"format": 1}'}, "damaged metadata .*calibration"),
        ({SEAL: None}, "damaged metadata .*seal"),
        ({SEAL: "none"}, "damaged metadata .*seal"),
        ({KEY: "{}"}, "damaged metadata .*lacks the field"),
    ],
)
def test_other_metadata_is_refused_in_one_line(change: dict[str, str | None], said: str) -> None:
    metadata = {k: v for k, v in {**to_metadata(FULL), **change}.items() if v is not None}
    with pytest.raises(DagenError, match=said) as error:
        from_metadata(metadata, "x.onnx")
    assert "x.onnx" in str(error.value) and "\n" not in str(error.value)


def test_a_seal_breaks_at_every_change() -> None:
    plain = b"weights " + to_metadata(FULL)["dagen.seal"].encode() + b" more"
    sealed = seal(plain, b"rest")
    assert len(sealed) == len(plain) and sealed != plain
    check_seal(sealed, "x", b"rest")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        if MARK in changed:  # without its mark it is not dagen's file
            with pytest.raises(DagenError, match="is damaged"):
                check_seal(bytes(changed), "x", b"rest")
    for cut in (sealed[:-1], sealed + b"x", sealed + sealed):
        with pytest.raises(DagenError, match="is damaged"):
            check_seal(cut, "x", b"rest")
    with pytest.raises(DagenError, match="is damaged"):
        check_seal(sealed, "x", b"best")
    check_seal(b"somebody's file", "x")
