import errno
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from dagen.engine.states import load_state, save_state
from dagen.errors import DagenError, UsageError
from dagen.models.base import create_network
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import load_deployed, save_deployed
from dagen.types import Task

CARD = Card(model="enet", task="binary", size=(64, 64), width=0.25)


def _network() -> torch.nn.Module:
    torch.manual_seed(0)
    return create_network("enet", Task.BINARY, 0.25, {}).eval()


def test_a_state_survives_its_file(tmp_path: Path) -> None:
    state = {"step": 3, "stack": {"w": torch.arange(4.0)}, "optimizers": [{"state": {}}]}
    save_state(tmp_path, 3, state)
    loaded = load_state(tmp_path)
    assert loaded is not None and loaded["step"] == 3
    assert torch.equal(loaded["stack"]["w"], torch.arange(4.0))


def test_the_newest_two_stay_and_a_damaged_one_is_skipped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for step in (1, 2, 3):
        save_state(tmp_path, step, {"step": step})
    files = sorted(tmp_path.glob("state-*.pt"))
    assert len(files) == 2
    data = bytearray(files[-1].read_bytes())
    data[-1] ^= 1
    files[-1].write_bytes(bytes(data))
    loaded = load_state(tmp_path)
    assert loaded == {"step": 2}
    assert "damaged" in caplog.text
    files[0].write_bytes(b"short")
    assert load_state(tmp_path) is None


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_state(tmp_path, 1, {"step": 1})

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DagenError, match="free some space") as error:
        save_state(tmp_path, 2, {"step": 2})
    assert "\n" not in str(error.value)
    assert load_state(tmp_path) == {"step": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["state-00000001.pt"]


def test_the_deployed_file_gives_the_same_network(tmp_path: Path) -> None:
    network, path = _network(), tmp_path / "model.safetensors"
    save_deployed(path, network, CARD)
    again, card = load_deployed(path)
    assert card == CARD and not again.training
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(network(image).logits, again(image).logits)


def test_a_deployed_file_holds_no_auxiliary_heads(tmp_path: Path) -> None:
    network = create_network("icnet", Task.BINARY, 0.25, {})
    path = tmp_path / "model.safetensors"
    save_deployed(path, network, Card("icnet", "binary", (64, 64), 0.25))
    assert set(load_file(path)) < set(network.state_dict())
    again, _ = load_deployed(path)
    assert not again.training


def test_foreign_and_broken_files_are_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(DagenError, match="is not a file"):
        load_deployed(path)
    with pytest.raises(DagenError, match=r"is not a file; .* model\.safetensors in this folder"):
        load_deployed(tmp_path)
    path.write_bytes(b"nonsense")
    with pytest.raises(DagenError, match="not a complete safetensors"):
        load_deployed(path)
    save_file({"w": torch.zeros(1)}, path)
    with pytest.raises(DagenError, match="not written by dagen"):
        load_deployed(path)
    card = {"model": "enet", "task": "binary", "size": [64, 64], "width": 0.25}
    save_file({"w": torch.zeros(1)}, path, {"dagen": json.dumps(card)})
    with pytest.raises(DagenError, match="missing or extra weights"):
        load_deployed(path)


def test_unknown_networks_and_keywords() -> None:
    with pytest.raises(UsageError, match="did you mean 'enet'"):
        create_network("ennet", Task.BINARY, 1.0, {})
    with pytest.raises(UsageError, match="wings"):
        create_network("enet", Task.BINARY, 1.0, {"wings": 3})
