"""Pruned and narrower networks among the rungs."""

from pathlib import Path
from typing import Any

import pytest

import dagen
from dagen.deploy.compression import networks
from dagen.errors import UsageError
from dagen.models.deployed.file import load_deployed
from dagen.runs.runtime import Runtime
from tests.deploy.conftest import deploy, with_data

SETTINGS: dict[str, Any] = {
    "src": "resortit", "tgt": "taco", "method": "minent", "model": "toy", "task": "binary",
    "size": "32x48", "steps": 4, "batch": 2, "warmup": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory, toys: None) -> Runtime:
    return with_data(tmp_path_factory.mktemp("all"))


def test_they_are_rungs_like_the_others(runtime: Runtime) -> None:
    trained = dagen.train(runtime=runtime, **SETTINGS)
    found = dagen.compress(
        trained.folder, prune=[0.8], widths=[0.5], steps=1, sizes=["32x48"], formats=["onnx"],
        precisions=["float32"], data_root=runtime.data_root, runs=runtime.runs, track=False,
        score="taco",
    )  # fmt: skip
    assert [each.file.name for each in found.tried] == [
        "32x48-float32.onnx", "macs-80-32x48-float32.onnx", "width-0.5-32x48-float32.onnx",
    ]  # fmt: skip
    whole, pruned, _ = found.tried
    assert pruned.macs <= 0.8 * whole.macs and whole.loss == 0
    assert "| macs-80 | 32x48 |" in found.table.read_text()
    again = networks.networks(
        trained.model, [0.8], [0.5], steps=1, data=None, runtime=runtime
    )  # fmt: skip
    assert list(again) == ["", "macs-80", "width-0.5"]
    assert load_deployed(again["width-0.5"])[1].width == 0.5
    assert load_deployed(again["macs-80"])[1].channels


def test_without_a_run(runtime: Runtime, tmp_path: Path) -> None:
    from dataclasses import replace

    from dagen.models.deployed.file import save_deployed

    network, card = load_deployed(deploy(tmp_path))
    path = tmp_path / "alone.safetensors"
    save_deployed(path, network, replace(card, run={}))
    with pytest.raises(UsageError, match="has no run that could be repeated at another width"):
        networks.networks(path, [], [0.5], steps=None, data=None, runtime=runtime)
