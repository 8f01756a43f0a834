"""The IBN option of the networks (IBN-Net-a)."""

from pathlib import Path

import pytest
import torch
from torch import nn

from dagen import plugins
from dagen.engine.build import build_network
from dagen.errors import UsageError
from dagen.models.base import create_network
from dagen.models.deployed.card import Card
from dagen.models.deployed.cost import parameters
from dagen.models.deployed.file import load_deployed, save_deployed
from dagen.models.layers.blocks import InstanceBatchNorm
from dagen.runs.config import from_mapping
from dagen.types import Task

NAMES = plugins.names("models")


def build(name: str, ibn: bool = True, width: float = 0.25) -> nn.Module:
    torch.manual_seed(0)
    network: nn.Module = plugins.get("models", name)(3, width=width, ibn=ibn)
    return network


def test_one_half_by_image_and_the_other_by_batch() -> None:
    norm = InstanceBatchNorm(5, eps=1e-5)
    x = torch.randn(3, 5, 4, 6, generator=torch.Generator().manual_seed(0)) * 3 + 2
    with torch.no_grad():
        norm.instance.weight.copy_(torch.tensor([2.0, 0.5]))
        norm.batch.bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
        out = norm(x)
    for c in range(5):
        if c < 2:
            mean, variance = x[:, c].mean((1, 2)), x[:, c].var((1, 2), correction=0)
            wanted = (x[:, c] - mean[:, None, None]) / (variance + 1e-5).sqrt()[:, None, None]
            wanted = wanted * [2.0, 0.5][c]
        else:
            wanted = (x[:, c] - x[:, c].mean()) / (x[:, c].var(correction=0) + 1e-5).sqrt() + c - 1
        torch.testing.assert_close(out[:, c], wanted, atol=1e-5, rtol=1e-5)


def test_another_light_is_another_batch_but_the_same_instance() -> None:
    norm = InstanceBatchNorm(4).eval()
    x = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        plain, pale = norm(x), norm(0.5 * x + 2)
    torch.testing.assert_close(pale[:, :2], plain[:, :2], atol=1e-3, rtol=1e-3)
    assert (pale[:, 2:] - plain[:, 2:]).abs().mean() > 1


@pytest.mark.parametrize("name", NAMES)
def test_as_many_parameters_and_the_same_convolutions(name: str) -> None:
    plain, ibn = build(name, ibn=False), build(name)
    assert parameters(ibn) == parameters(plain)  # type: ignore[arg-type]
    convolutions = [
        [m.weight for m in network.modules() if isinstance(m, nn.Conv2d)]
        for network in (plain, ibn)
    ]
    assert all(torch.equal(a, b) for a, b in zip(*convolutions, strict=True))
    assert not any(isinstance(m, InstanceBatchNorm) for m in plain.modules())


DEEPEST = {
    "enet": "stage3",
    "icnet": "deep",
    "bisenet": "context.layer3",
    "bisenetv2": "stage5",
    "lite": "encoder.blocks.10",
}


@pytest.mark.parametrize("name", NAMES)
def test_shallow_stages_have_it_and_deep_ones_do_not(name: str) -> None:
    network = build(name)
    places = [n for n, m in network.named_modules() if isinstance(m, InstanceBatchNorm)]
    assert len(places) >= 4
    deepest = DEEPEST[name.split("-")[0]] if "resnet18" not in name else "context.layer4"
    assert isinstance(network.get_submodule(deepest), nn.Module)
    assert not any(place.startswith((deepest, "head", "aux", "fu")) for place in places)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [0.05, 0.25])
def test_it_trains_on_the_smallest_image(name: str, width: float) -> None:
    network = build(name, width=width).train()
    out = network(torch.rand(2, 3, 32, 32))
    out.logits.square().mean().backward()
    assert out.logits.isfinite().all()
    grads = [p.grad for m in network.modules() for p in m.parameters(recurse=False)
             if isinstance(m, nn.InstanceNorm2d)]  # fmt: skip
    assert all(g is not None and g.isfinite().all() for g in grads)


@pytest.mark.parametrize("name", NAMES)
def test_the_deployed_file_brings_it_back(name: str, tmp_path: Path) -> None:
    network = create_network(name, Task.BINARY, 0.25, {"ibn": True}).train()
    network(torch.rand(2, 3, 32, 32))  # moves the running statistics
    path = tmp_path / "model.safetensors"
    card = Card(model=name, task="binary", size=(32, 32), width=0.25, options={"ibn": True})
    save_deployed(path, network, card)
    again, read = load_deployed(path)
    assert read.options == {"ibn": True}
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(again(image).logits, network.eval()(image).logits)


@pytest.mark.parametrize("name", NAMES)
def test_a_value_that_is_not_a_boolean_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="ibn is 'false'; it must be true or false"):
        plugins.get("models", name)(2, ibn="false")


@pytest.mark.parametrize("name", [n for n in NAMES if plugins.get("models", n).start is not None])
def test_imagenet_weights_and_ibn_exclude_each_other(name: str) -> None:
    with pytest.raises(UsageError, match="no IBN"):
        plugins.get("models", name)(2, pretrained=True, ibn=True)


def test_weights_without_it_do_not_start_a_run_with_it(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    card = Card(model="enet", task="binary", size=(32, 32), width=0.25)
    save_deployed(path, create_network("enet", Task.BINARY, 0.25, {}), card)
    run = {"init": str(path), "task": "binary", "width": 0.25, "model_options": {"ibn": True}}
    with pytest.raises(UsageError, match=r"made with model_options .* other layers"):
        build_network(from_mapping(run), Task.BINARY)
