"""Which file a name stands for."""

from pathlib import Path

import pytest

import dagen
from dagen.cli.predict import predict
from dagen.deploy.hub.locating import located
from dagen.deploy.hub.names import SHIPPED, shipped
from dagen.errors import DagenError, UsageError
from dagen.models.base import create_network
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import save_deployed
from dagen.types import Task


def test_the_folder_of_a_run_stands_for_its_deployed_file(tmp_path: Path) -> None:
    run = tmp_path / "belt-enet"
    run.mkdir()
    network = create_network("enet", Task.BINARY, 0.25, {})
    card = Card("enet", Task.BINARY.name, (32, 32), run={"src": "belt"}, width=0.25)
    save_deployed(run / "model.safetensors", network, card)
    assert located(run) == located(str(run)) == run / "model.safetensors"
    assert dagen.load(run).size == (32, 32)
    assert dagen.profile(run).bytes == (run / "model.safetensors").stat().st_size


def test_the_folder_of_a_run_is_not_taken_for_images(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(UsageError, match="needs images: dagen predict"):
        predict(str(tmp_path))


def test_other_names_stay(tmp_path: Path) -> None:
    assert located(SHIPPED) == shipped()
    assert located("u2netp") == "u2netp"
    assert located(tmp_path) == tmp_path
    with pytest.raises(DagenError):
        dagen.load(tmp_path)
