"""Small networks, as if a package brought them, as deployed and as exported files."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from dagen import plugins
from dagen.deploy.export import export
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import save_deployed
from dagen.runs.runtime import Runtime
from dagen.types import Image
from tests import tiny
from tests.toy import ToyNetwork

SIZE = (32, 48)


class StiffToyNetwork(ToyNetwork):
    """A ToyNetwork that exporters trace at one size only: its pooling window is the whole map."""

    def forward(self, image: torch.Tensor) -> object:  # type: ignore[override]
        out = super().forward(image)
        whole = (out.features.shape[2], out.features.shape[3])
        features = out.features + nn.functional.avg_pool2d(out.features, whole)
        return out._replace(logits=self.head(features), features=features)


def bring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the networks plug-ins of a package."""
    brought = {"toy": ToyNetwork, "stiff": StiffToyNetwork}
    points = {name: SimpleNamespace(load=lambda kind=kind: kind) for name, kind in brought.items()}
    monkeypatch.setattr(plugins, "_outside", lambda kind: points if kind == "models" else {})


@pytest.fixture(scope="package", autouse=True)
def toys() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        bring(patch)
        yield


def with_data(folder: Path, images: int = 4) -> Runtime:
    """Where runs can be made, with tiny data sets of so many training images each."""
    tiny.make_resortit(folder / "data", train=images, val=2)
    tiny.make_taco(folder / "data", train=images, val=2)
    return Runtime(
        folder / "runs", folder / "data", device="cpu", workers=0, track=False, quiet=True
    )


def deploy(folder: Path, model: str = "toy", size: tuple[int, int] = SIZE) -> Path:
    """A deployed file of a network with random weights, sharp enough to use all classes."""
    torch.manual_seed(0)
    network = {"toy": ToyNetwork, "stiff": StiffToyNetwork}[model](5).eval()
    with torch.no_grad():
        network.head.weight.mul_(10)
    run = {"src": "resortit", "tgt": "taco"}
    path = folder / f"{model}.safetensors"
    save_deployed(path, network, Card(model, "material", size, run=run))
    return path


@pytest.fixture(scope="package")
def deployed(tmp_path_factory: pytest.TempPathFactory, toys: None) -> Path:
    return deploy(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="package")
def exported(deployed: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DAGEN_DATA", raising=False)  # the images of the check are generated
        return export(deployed, deployed.with_suffix(".onnx")).file


@pytest.fixture(scope="package")
def stiff(tmp_path_factory: pytest.TempPathFactory, toys: None) -> Path:
    model = deploy(tmp_path_factory.mktemp("stiff"), "stiff")
    return export(model, model.with_suffix(".onnx")).file


def photograph(height: int, width: int, seed: int = 0) -> Image:
    """Noise of large patches."""
    small = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    return np.kron(small, np.ones((height // 7 + 1, width // 9 + 1, 1), np.uint8))[:height, :width]
