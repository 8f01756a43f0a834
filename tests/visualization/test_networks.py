"""Networks are found by run or file, and their titles tell them apart."""

from pathlib import Path

import pytest
import torch

from dagen.errors import DagenError, UsageError
from dagen.models.base import create_network
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import save_deployed
from dagen.types import Task
from dagen.visualization.networks import open_all, titles
from tests.visualization.tiny_survey import deployed


def _card(**run: object) -> Card:
    settings = {"method": ["supervised"], "src": "resortit", "tgt": None, "seed": 0, "steps": 5}
    return Card("enet", "material", (32, 64), run={**settings, **run})


def _titles(*cards: Card, src: str | None = "resortit") -> list[str]:
    paths = [Path(f"runs/{k}/model.safetensors") for k in range(len(cards))]
    return titles(cards, paths, src)


def test_titles_are_the_methods() -> None:
    advent = _card(method=["adabn", "advent"], tgt="taco")
    oracle = _card(src="taco")
    assert _titles(_card(), advent, oracle) == ["source-only", "adabn+advent", "trained on taco"]
    assert _titles(Card("enet", "material", (32, 64))) == ["0"]  # its folder, where no run is known


def test_the_oracle_is_not_titled_source_only() -> None:
    assert _titles(_card(src="taco", score=["taco"]), src=None) == ["oracle"]


def test_titles_of_equal_methods_name_the_settings_that_differ() -> None:
    assert _titles(_card(seed=0), _card(seed=1)) == ["source-only, seed 0", "source-only, seed 1"]


def test_a_run_is_found_by_its_folder(files: list[Path]) -> None:
    by_file, by_folder = open_all(files[:1]), open_all([files[0].parent])
    assert by_folder[0].path == by_file[0].path and by_folder[0].run is None
    (files[0].parent / "log.jsonl").touch()
    try:
        assert open_all(files[:1])[0].run == files[0].parent
    finally:
        (files[0].parent / "log.jsonl").unlink()


def test_wrong_networks_are_one_line(files: list[Path], tmp_path: Path) -> None:
    torch.manual_seed(0)
    other = tmp_path / "binary.safetensors"
    save_deployed(
        other, create_network("enet", Task.BINARY, 0.25, {}), Card("enet", "binary", (32, 64), 0.25)
    )
    for given, message in (
        ([], "no network"),
        ([files[0], files[0].parent], "given twice"),
        ([tmp_path], "has no model.safetensors"),
        ([tmp_path / "none.safetensors"], "is not a file"),
        ([files[0], other], r"material \(background, .*\) and binary"),
    ):
        with pytest.raises(DagenError, match=message) as error:
            open_all(given)
        assert "\n" not in str(error.value)


def test_a_network_of_another_width_is_opened(tmp_path: Path) -> None:
    wide = deployed(tmp_path / "wide" / "model.safetensors", 0, width=0.5)
    assert open_all([wide])[0].card.width == 0.5


def test_wrong_arguments_are_usage_errors() -> None:
    with pytest.raises(UsageError):
        open_all([])
