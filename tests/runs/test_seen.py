from pathlib import Path
from typing import Any

import pytest
import torch

from dagen.models.base import create_network
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import read_card, save_deployed
from dagen.runs.config import from_mapping
from dagen.runs.plan import plan_run
from dagen.runs.seen import seen_besides, text
from dagen.types import Task


def seen(**values: Any) -> tuple[str, ...]:
    base = {"src": "resortit", "tgt": "taco", "task": "binary", "method": "minent"}
    return seen_besides(plan_run(from_mapping({**base, **values})), Path("no-runs"))


def file(folder: Path, **card: Any) -> Path:
    torch.manual_seed(0)
    path = folder / "model.safetensors"
    network = create_network("enet", Task.BINARY, 0.25, {})
    save_deployed(path, network, Card("enet", "binary", (32, 32), 0.25, **card))
    return path


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ()),
        ({"method": "saliency"}, ()),
        ({"model": "lite"}, ("ImageNet",)),
        ({"model": "lite", "model_options": {"pretrained": False}}, ()),
        ({"model": "bisenet-resnet18"}, ()),
        ({"model": "bisenet-resnet18", "model_options": {"pretrained": True}}, ("ImageNet",)),
        ({"method": "teacher"}, ("DUTS-TR",)),
        ({"method": "teacher", "model": "lite"}, ("ImageNet", "DUTS-TR")),
        ({"method": "teacher", "parts": {"teacher": {"maps": "salience"}}}, ()),
        ({"method": "teacher", "parts": {"teacher": {"maps": "../x/own.onnx"}}},
         ("teacher own.onnx",)),
        ({"method": "teacher", "parts": {"teacher": {"maps": "salience", "empty": "coco"}}},
         ("coco",)),
    ],
)  # fmt: skip
def test_starts_and_teachers_are_named(values: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert seen(**values) == expected


def test_a_file_hands_on_what_its_network_has_seen(tmp_path: Path) -> None:
    run = {"src": "gta5", "tgt": "taco", "extra_src": ["coco"]}
    path = file(tmp_path, run=run, seen=("ImageNet",))
    assert read_card(path).seen == ("ImageNet",)
    assert seen(init=str(path)) == ("ImageNet", "gta5", "coco")
    taught = {"method": "teacher", "parts": {"teacher": {"maps": str(path)}}}
    assert seen(**taught) == ("ImageNet", "gta5", "coco")


def test_a_network_that_starts_from_a_file_has_not_seen_the_encoders_images(tmp_path: Path) -> None:
    assert seen(model="lite", init=str(file(tmp_path))) == ()


def test_in_words() -> None:
    assert text(()) == "nothing"
    assert text(("ImageNet", "DUTS-TR")) == "ImageNet and DUTS-TR"
