"""Every network without channels computes what it computes with these channels at zero."""

from typing import Any

import pytest
import torch

from dagen import plugins
from dagen.deploy.pruning.arithmetic import Arithmetic
from dagen.deploy.pruning.groups import groups_of, together
from dagen.deploy.pruning.surgery import Removed, silenced, without
from dagen.errors import UsageError
from dagen.models.base import Network
from dagen.models.deployed import cost
from tests.toy import ToyNetwork

NETWORKS = ("bisenet", "enet", "icnet", "lite")


def lively(network: Network) -> Network:
    """The network with statistics as after some training."""
    for each in network.modules():
        if isinstance(each, torch.nn.BatchNorm2d):
            each.running_mean.normal_(0, 0.3)  # type: ignore[union-attr]
            each.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
            each.weight.data.uniform_(0.5, 1.5)
            each.bias.data.normal_(0, 0.3)
    return network.eval()


def hidden(network: Network, removed: Removed, image: torch.Tensor) -> torch.Tensor:
    """Logits with removed channels at zero behind every layer that has them: by hooks alone."""

    def hide(numbers: list[int]) -> Any:
        def hook(layer: Any, given: Any, out: torch.Tensor) -> torch.Tensor:
            return out.index_fill(1, torch.tensor(numbers), 0)

        return hook

    layers = dict(network.named_modules())
    hooks = [
        layers[name].register_forward_hook(hide(sorted(numbers)))
        for name, numbers in removed.outputs.items()
    ]
    with torch.inference_mode():
        logits: torch.Tensor = network(image).logits
    for hook in hooks:
        hook.remove()
    return logits


@pytest.mark.parametrize("name", NETWORKS)
def test_without_channels_is_the_same_as_with_silent_ones(name: str) -> None:
    torch.manual_seed(0)
    network = lively(plugins.get("models", name)(3, width=0.25))
    groups, left = groups_of(network)
    removed = together(group.least(group.size // 2) for group in groups)
    smaller = without(network, removed).eval()
    size = (2 * network.multiple, 4 * network.multiple)
    image = torch.rand(1, 3, *size)
    with torch.inference_mode():
        found, masked = smaller(image), silenced(network, removed)(image)
    expected = hidden(network, removed, image)
    scale = max(1.0, float(expected.abs().max()))
    assert float((found.logits - expected).abs().max()) < 1e-4 * scale
    assert float((masked.logits - expected).abs().max()) < 1e-4 * scale
    with torch.inference_mode():
        assert float((network(image).logits - expected).abs().max()) > 0.01 * scale  # it matters
    # What is counted without building it is what is built.
    assert cost.macs(smaller, size) == Arithmetic(network, size).macs(removed)
    assert cost.macs(network, size) == Arithmetic(network, size).macs()
    assert cost.macs(smaller, size) < 0.75 * cost.macs(network, size)
    assert cost.size_bytes(smaller) < 0.8 * cost.size_bytes(network)
    # Auxiliary heads fit too, for training.
    assert [out.shape for out in smaller.train()(image.repeat(2, 1, 1, 1)).aux] == [
        out.shape for out in network.train()(image.repeat(2, 1, 1, 1)).aux
    ]
    assert bool(left) == (name == "enet")


def test_the_trunk_of_enet_is_left_alone() -> None:
    """Its unpooling and its padding with zero channels tie channels in ways that no graph shows."""
    groups, left = groups_of(lively(plugins.get("models", "enet")(3)))
    assert {group.layer.rsplit(".", 1)[0] for group in groups} >= {"stage2.0.branch"}
    assert all(".branch." in group.layer for group in groups)
    assert left and not {group.layer for group in groups} & set(left)


def test_what_is_least_goes_first() -> None:
    network = lively(ToyNetwork(3))
    with torch.no_grad():
        network.stem[0].weight[[2, 5]] *= 1e-4
        network.stem[1].weight[[2, 5]] *= 1e-4
        network.head.weight[:, [2, 5]] *= 1e-4
    (group,), left = groups_of(network)
    assert group.layer == "stem.0" and group.size == 8 and left == []
    assert group.least(2).outputs == {"stem.0": {2, 5}, "stem.1": {2, 5}}
    assert group.least(2).inputs == {"head": {2, 5}}


def test_the_package_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch_pruning", None)
    with pytest.raises(UsageError, match=r"pip install 'dagen\[prune\]'"):
        groups_of(ToyNetwork(2))
