import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from dagen import plugins
from dagen.errors import DagenError, UsageError
from dagen.models.base import Network
from dagen.models.bisenet import BiSeNet
from dagen.models.deployed import cost
from dagen.models.enet import ENet
from tests.toy import ToyNetwork


def slow_macs(network: Network, image: Tensor) -> int:
    """Each output value of a convolution takes kernel x inputs / groups multiplications."""
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            total += output.numel() * module.weight[0].numel()
        else:  # transposed: each input value is multiplied with the whole kernel
            total += inputs[0].numel() * module.weight[0].numel()

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.register_forward_hook(count)
    with torch.no_grad():
        network.eval()(image)
    return total


@pytest.mark.parametrize("name", plugins.names("models"))
def test_macs_by_hand(name: str) -> None:
    network = plugins.get("models", name)(3, width=0.5)
    counted = cost.macs(network, (64, 32))
    assert counted == slow_macs(network, torch.rand(1, 3, 64, 32))


def test_macs_of_the_toy_network() -> None:
    # 8x8 positions: 8 filters of 3x4x4, then 2 filters of 8.
    assert cost.macs(ToyNetwork(2), (32, 32)) == 64 * (8 * 48 + 2 * 8)


def test_parameters_leave_auxiliary_heads_out() -> None:
    network = BiSeNet(3, width=0.25)
    aux = sum(
        p.numel() for name in ("aux16", "aux8") for p in network.get_submodule(name).parameters()
    )
    assert aux > 0
    assert cost.parameters(network) == sum(p.numel() for p in network.parameters()) - aux
    assert cost.parameters(ToyNetwork(2)) == (48 * 8 + 8) + 16 + (8 * 2 + 2)


def test_what_is_deployed_answers_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, other = BiSeNet(3, width=0.25).eval(), BiSeNet(3, width=0.25).eval()
    save_file(network.deployed(), tmp_path / "model.safetensors")
    missing, unexpected = other.load_state_dict(load_file(tmp_path / "model.safetensors"), False)
    assert unexpected == []
    assert {name.split(".")[0] for name in missing} == {"aux16", "aux8"}
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(network(image).logits, other(image).logits)


def test_names_that_only_begin_alike_are_deployed() -> None:
    class Odd(ToyNetwork):
        training_only = ("stem1", "hea")

    assert set(Odd(2).deployed()) == set(Odd(2).state_dict())


@pytest.mark.parametrize("metadata", [None, {"dagen": '{"model": "enet"}'}])
def test_bytes_are_those_of_the_file(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    network = ENet(3, width=0.25).to(memory_format=torch.channels_last)
    tensors = {name: tensor.contiguous() for name, tensor in network.deployed().items()}
    save_file(tensors, tmp_path / "model.safetensors", metadata)
    assert cost.size_bytes(network, metadata) == (tmp_path / "model.safetensors").stat().st_size


@pytest.mark.parametrize("name", ["enet", "bisenet", "icnet"])
def test_the_default_networks_fit_the_cap(name: str) -> None:
    cost.enforce_cap(plugins.get("models", name)(5), name)


def test_the_error_of_a_network_above_the_cap_names_the_width_that_fits() -> None:
    network = ENet(3)
    cap = cost.size_bytes(ENet(3, width=0.5))
    with pytest.raises(DagenError, match=r"at most 0\.5\.") as caught:
        cost.enforce_cap(network, "enet", cap)
    assert f"{cost.size_bytes(network):,} bytes" in str(caught.value)
    assert f"{cap:,}" in str(caught.value)
    with pytest.raises(DagenError, match=r"at most 0\.45\."):
        cost.enforce_cap(network, "enet", cap - 1)
    cost.enforce_cap(network, "enet", cost.size_bytes(network))
    with pytest.raises(DagenError, match="no width fits"):
        cost.enforce_cap(network, "enet", 1000)


def test_the_width_that_fits_is_one_of_the_network_with_its_own_options() -> None:
    options = {"decoder_width": 1.0}
    network = ENet(3, **options)
    with pytest.raises(DagenError, match=r"at most \d") as caught:
        cost.enforce_cap(network, "enet", 10**6, options=options)
    width = float(str(caught.value).rpartition(" ")[2].rstrip("."))
    assert cost.size_bytes(ENet(3, width=width, **options)) <= 10**6
    assert cost.size_bytes(ENet(3, width=width + 0.05, **options)) > 10**6
    with pytest.raises(DagenError, match=r"1,000,001 bytes .* at most 0"):
        cost.enforce_cap(network, "enet", 10**6, options=options, size=1_000_001)


def test_a_pruned_network_has_no_width_that_fits() -> None:
    network = ENet(3)
    network.channels = {"head": (3, 16)}
    with pytest.raises(DagenError, match="no width fits"):
        cost.enforce_cap(network, "enet", 10**6)


def test_the_cap_is_ten_million_bytes() -> None:
    assert cost.CAP == 10_000_000
    with pytest.raises(DagenError, match=r"icnet-resnet50 .* 26,9\d\d,\d\d\d bytes"):
        cost.enforce_cap(plugins.get("models", "icnet-resnet50")(5), "icnet-resnet50")


def test_profile_gathers_the_figures() -> None:
    network = ToyNetwork(2).train()
    found = cost.profile(network, (32, 64))
    assert found.parameters == cost.parameters(network)
    assert found.macs == cost.macs(network, (32, 64))
    assert found.flops == 2 * found.macs
    assert found.bytes == cost.size_bytes(network)
    assert found.latency_ms is not None and 0 < found.latency_ms < math.inf
    assert network.training, "measuring leaves the network as it was"
    assert cost.profile(network, (32, 64), latency=False).latency_ms is None


def test_measuring_leaves_statistics_and_gradients_alone() -> None:
    network = ToyNetwork(2).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    cost.profile(network, (32, 32))
    assert all(torch.equal(before[name], now) for name, now in network.state_dict().items())
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize("size", [(224, 450), (0, 448)])
def test_sizes_that_do_not_fit_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match=rf"{size[0]}x{size[1]}.*multiples of 32"):
        cost.macs(BiSeNet(3, width=0.25), size)


def test_latency_needs_a_repeat() -> None:
    with pytest.raises(UsageError, match="repeats is 0"):
        cost.latency(ToyNetwork(2), (32, 32), repeats=0)
