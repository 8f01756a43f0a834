from pathlib import Path

import pytest
import torch

from dagen.engine.build import build_network
from dagen.errors import UsageError
from dagen.models.base import create_network
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import load_deployed, save_deployed
from dagen.runs.config import Config, from_mapping
from dagen.types import Task


def _file(folder: Path, model: str, **options: object) -> Path:
    torch.manual_seed(5)
    network = create_network(model, Task.BINARY, 0.25, options)
    card = Card(model, "binary", (64, 64), 0.25, options, {})
    path = folder / f"{model}.safetensors"
    save_deployed(path, network, card)
    return path


def _config(model: str, init: Path | None) -> Config:
    values = {"model": model, "task": "binary", "width": 0.25, "size": [64, 64], "seed": 3}
    return from_mapping(values | ({} if init is None else {"init": str(init)}))


@pytest.mark.parametrize("model", ["enet", "icnet", "bisenet"])
def test_what_the_file_lacks_is_as_the_seed_makes_it(model: str, tmp_path: Path) -> None:
    path = _file(tmp_path, model)
    fresh = build_network(_config(model, None), Task.BINARY).state_dict()
    held = load_deployed(path)[0].deployed()
    for noise in (1, 2):
        torch.manual_seed(noise)  # whatever ran in this process before
        network = build_network(_config(model, path), Task.BINARY)
        found = network.state_dict()
        assert found.keys() > held.keys()
        for name, tensor in found.items():
            assert torch.equal(tensor, held.get(name, fresh[name])), name


def test_a_file_with_other_layers_is_refused(tmp_path: Path) -> None:
    path = _file(tmp_path, "enet", ibn=True)
    with pytest.raises(UsageError, match="made with model_options"):
        build_network(_config("enet", path), Task.BINARY)
