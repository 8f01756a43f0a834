"""Damage to deployed files: refused in one line, or harmless."""

import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from dagen.errors import DagenError
from dagen.models.base import create_network
from dagen.models.deployed.card import FORMAT, Card, digest, to_text
from dagen.models.deployed.file import identity, load_deployed, read_card, save_deployed
from dagen.runs.config import from_mapping
from dagen.types import Task

RUN = from_mapping({"tgt": "taco", "method": "advent", "width": 0.25}).to_dict()
CARD = Card("enet", "material", (224, 448), 0.25, run=RUN)
FIRST = {
    "model": "enet", "task": "material", "size": [224, 448], "width": 0.25, "options": {},
    "run": {}, "metrics": {},
}  # fmt: skip
"""A card as version 0.1 wrote it."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "model.safetensors"
    save_deployed(path, create_network("enet", Task.MATERIAL, 0.25, {}).eval(), CARD)
    return path


def with_card(file: Path, card: object) -> Path:
    """The same weights under another card."""
    path = file.with_name("other.safetensors")
    text = card if isinstance(card, str) else json.dumps(card)
    save_file(load_file(file), path, {"dagen": text})
    return path


def first_line(path: Path) -> str:
    with pytest.raises(DagenError) as error:
        load_deployed(path)
    text = str(error.value)
    assert "\n" not in text and len(text) < 500 and path.name in text
    return text


def damaged(content: bytes, rng: random.Random, kind: str) -> bytes:
    """``content`` with one damage at a random place; the first 8 bytes and the header count."""
    changed = bytearray(content)
    head = 8 + int.from_bytes(content[:8], "little")
    place = rng.randrange(head if kind == "header" else len(content))
    if kind in ("bit", "header"):
        changed[place] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del changed[place:]
    elif kind == "longer":
        changed += rng.randbytes(rng.randrange(1, 64))
    elif kind == "swapped":
        other = rng.randrange(head, len(content) - 64)
        place = rng.randrange(head, len(content) - 64)
        changed[place : place + 64] = content[other : other + 64]
    return bytes(changed)


def test_damage_at_random_places_is_refused_or_harmless(file: Path) -> None:
    content, rng = file.read_bytes(), random.Random(14)
    whole, card = load_deployed(file)
    counted: Counter[str] = Counter()
    for number in range(300):
        kind = ("bit", "header", "cut", "longer", "swapped")[number % 5]
        file.write_bytes(damaged(content, rng, kind))
        try:
            network, found = load_deployed(file)
        except DagenError as error:
            assert "\n" not in str(error) and len(str(error)) < 500, str(error)
            counted["refused"] += 1
            continue
        assert found == card and digest(network.deployed()) == digest(whole.deployed()), kind
        counted["harmless"] += 1
    assert counted["refused"] > 280, counted


def test_the_digest_covers_names_types_shapes_and_bytes(file: Path) -> None:
    plain = {"a": torch.arange(4.0), "b": torch.zeros(2)}
    others: list[dict[str, torch.Tensor]] = [
        {"a": plain["a"].flip(0), "b": plain["b"]},
        {"a": plain["a"].view(2, 2), "b": plain["b"]},
        {"a": plain["a"].view(torch.int32), "b": plain["b"]},
        {"c": plain["a"], "b": plain["b"]},
        {"a": plain["a"]},
        {"a": plain["b"], "b": plain["a"]},
    ]
    assert len({digest(one) for one in (plain, *others)}) == 7
    assert digest(plain) == digest(dict(reversed(plain.items())))
    assert read_card(file).weights == digest(load_file(file))


def test_a_network_gives_the_same_file_every_time(file: Path, tmp_path: Path) -> None:
    network, card = load_deployed(file)
    for name in ("a", "b"):
        save_deployed(tmp_path / name, network, card)
        assert (tmp_path / name).read_bytes() == file.read_bytes()


def test_a_file_of_version_0_1_loads_and_names_its_runs_as_before(file: Path) -> None:
    path = with_card(file, FIRST)
    network, card = load_deployed(path)
    assert card.weights is None and card.size == (224, 448)
    assert digest(network.deployed()) == read_card(file).weights
    assert identity(path) == path.read_bytes()
    first = {k: v for k, v in json.loads(to_text(CARD, "")).items() if k in FIRST}
    first["metrics"] = {}
    old = with_card(file, json.dumps(first, sort_keys=True))
    assert identity(file) == old.read_bytes()


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ("{", "its card is no JSON"),
        ("[" * 100_000, "its card is no JSON"),
        ([1], "no JSON object"),
        ({**FIRST, "labels": ["x"]}, "unknown field 'labels'"),
        ({**FIRST, "classes": "x"}, "its card has classes 'x'"),
        ({**FIRST, "classes": ["x"]}, "a task has 2 to 255 classes"),
        ({**FIRST, "classes": ["x", "y"], "colours": [[0, 0]]}, "its card has colours"),
        ({**FIRST, "background": 1}, "its card has background 1"),
        ({"model": "enet"}, "lacks the field task"),
        ({**FIRST, "task": "glass"}, "unknown task 'glass'"),
        ({**FIRST, "task": 7}, "its card has task 7"),
        ({**FIRST, "size": 224}, "its card has size 224"),
        ({**FIRST, "size": [224, "448"]}, "its card has size"),
        ({**FIRST, "size": [10**9, 10**9]}, "its card has size"),
        ({**FIRST, "width": "wide"}, "its card has width 'wide'"),
        ({**FIRST, "width": -1}, "its card has width -1"),
        ({**FIRST, "options": []}, "its card has options []"),
        ({**FIRST, "options": {"x" * 100_000: 1}}, "cannot be built here: network enet"),
        ({**FIRST, "model": "x" * 100_000}, "unknown network 'xxx"),
        ({**FIRST, "run": "run"}, "its card has run 'run'"),
        ({**FIRST, "format": FORMAT + 1, "sha256": "?", "more": 1}, "update dagen"),
        ({**FIRST, "format": FORMAT}, "differs from its checksum"),
        ({**FIRST, "weights": "00"}, "differs from its checksum"),
    ],
)
def test_a_wrong_card_is_one_line(file: Path, card: Any, words: str) -> None:
    assert words in first_line(with_card(file, card))


def test_other_weights_under_a_good_card_are_refused(file: Path) -> None:
    card = json.loads(to_text(CARD, read_card(file).weights or ""))
    tensors = load_file(file)
    next(iter(tensors.values())).view(-1)[0] += 1
    path = file.with_name("other.safetensors")
    save_file(tensors, path, {"dagen": json.dumps(card)})
    assert "its weights differ from their checksum" in first_line(path)


def test_a_file_says_what_its_network_has_seen_and_only_then(tmp_path: Path) -> None:
    network = create_network("enet", Task.MATERIAL, 0.25, {}).eval()
    both: tuple[tuple[str, ...], ...] = ((), ("ImageNet", "DUTS-TR"))
    for seen in both:
        save_deployed(tmp_path / "x.safetensors", network, replace(CARD, seen=seen))
        card = read_card(tmp_path / "x.safetensors")
        assert card.seen == seen
        content = (tmp_path / "x.safetensors").read_bytes()
        assert (b"seen" in content) == bool(seen)  # other files are as they were before


def test_a_path_that_is_too_long_is_no_file() -> None:
    with pytest.raises(DagenError, match="is not a file") as error:
        read_card(Path("x" * 100_000))
    assert len(str(error.value)) < 400
