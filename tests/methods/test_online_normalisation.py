"""Batch norm of test-time strategies: the checkpoint's statistics mixed with the images'."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dagen import plugins
from dagen.errors import UsageError
from dagen.methods.shared.online import affine_parameters, mixed
from dagen.models.layers.blocks import PooledNorm
from dagen.types import Batch
from tests.methods.shift import PlainNetwork
from tests.toy import AuxToyNetwork, ToyNetwork, batch, setting, stacked

NAMES = ["tent", "eata", "cotta"]


def network() -> ToyNetwork:
    torch.manual_seed(0)
    net = ToyNetwork(2)
    norm = net.stem[1]
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None
    assert norm.running_var is not None
    with torch.no_grad():
        norm.running_mean.uniform_(-1, 1)
        norm.running_var.uniform_(0.5, 2)
        norm.weight.uniform_(0.5, 2)
        norm.bias.uniform_(-1, 1)
    return net


def image(count: int = 3, seed: int = 0) -> Tensor:
    views = batch(count=count, seed=seed)
    assert views.target is not None
    return views.target.image


def by_hand(net: ToyNetwork, x: Tensor, prior: float) -> Tensor:
    """Schneider et al.'s formula, channel by channel."""
    norm, inputs = net.stem[1], net.stem[0](net.normalise(x))
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None
    assert norm.running_var is not None
    out, n = inputs.clone(), len(x)
    for c in range(inputs.shape[1]):
        values = inputs[:, c]
        mean = (prior * norm.running_mean[c] + n * values.mean()) / (prior + n)
        variance = (prior * norm.running_var[c] + n * values.var(correction=0)) / (prior + n)
        scaled = (values - mean) / (variance + norm.eps).sqrt()
        out[:, c] = norm.weight[c] * scaled + norm.bias[c]
    logits: Tensor = net.head(F.relu(out))
    return logits


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("prior", [0.0, 2.5, 1e6])
def test_statistics_are_mixed_as_in_the_paper(prior: float, count: int) -> None:
    net, x = network(), image(count)
    with mixed(net, prior):
        found = net(x).logits
    torch.testing.assert_close(found, by_hand(net, x, prior), atol=1e-5, rtol=1e-4)


def test_without_a_prior_output_and_gradients_are_those_of_training() -> None:
    net, x = network(), image()
    other = copy.deepcopy(net).train()
    with mixed(net, 0.0):
        net(x).logits.square().sum().backward()
    other(x).logits.square().sum().backward()
    for ours, theirs in zip(net.parameters(), other.parameters(), strict=True):
        assert ours.grad is not None and theirs.grad is not None
        torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-3, rtol=1e-3)


def test_the_network_is_left_as_it_was() -> None:
    net, x = network().train(), image()
    state = {key: value.clone() for key, value in net.state_dict().items()}
    net.head.eval()
    with mixed(net, 1.0):
        assert not any(module.training for module in net.modules())
        net(x)
    assert [module.training for module in (net, net.stem, net.head)] == [True, True, False]
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())
    net.eval()
    torch.testing.assert_close(net(x).logits, by_hand(net, x, 1e9), atol=1e-5, rtol=1e-4)


def test_one_value_per_channel_keeps_the_running_statistics() -> None:
    norm = PooledNorm(4)
    x = torch.randn(1, 4, 1, 1)
    with mixed(norm, 0.0):
        assert torch.equal(norm(x), norm.eval()(x))


@pytest.mark.parametrize("policy", ["source", "target", "shared", "separate"])
@pytest.mark.parametrize("name", NAMES)
def test_no_policy_changes_what_a_strategy_sees(name: str, policy: str) -> None:
    views, net = Batch(target=batch().target), network()
    config = {"prior": 3.0} | ({"confidence": 0.0} if name == "cotta" else {})
    stack = stacked(net, [name], {name: config}, setting(), policy).train()
    found, _, _ = stack.answer(views, 0)
    assert views.target is not None
    wanted = by_hand(net, views.target.image, 3.0)
    torch.testing.assert_close(found.softmax(1), wanted.softmax(1), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_the_saved_network_carries_the_moments_of_the_stream(name: str) -> None:
    net = network()
    stack = stacked(net, [name], {name: {"prior": 0.0, "lr": 1e-9}}, setting()).eval()
    inputs = []
    for step in range(3):
        views = batch(seed=step)
        assert views.target is not None
        stack(Batch(target=views.target), step)
        inputs.append(net.stem[0](net.normalise(views.target.image)))
    saved = stack.predictor()
    assert isinstance(saved, ToyNetwork)
    norm = saved.stem[1]
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None
    assert norm.running_var is not None
    every = torch.cat(inputs).movedim(1, 0).flatten(1)
    torch.testing.assert_close(norm.running_mean, every.mean(1), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(norm.running_var, every.var(1, correction=0), atol=1e-5, rtol=1e-4)


def test_batch_norm_of_auxiliary_heads_is_not_trained() -> None:
    class Aux(AuxToyNetwork):
        training_only = ("aux",)

        def __init__(self) -> None:
            super().__init__(2)
            self.aux = nn.Sequential(nn.BatchNorm2d(8), self.aux)  # type: ignore[assignment]

    net = Aux()
    norm = net.stem[1]
    assert {id(p) for p in affine_parameters(net)} == {id(p) for p in norm.parameters()}


@pytest.mark.parametrize("name", NAMES)
def test_a_network_without_batch_norm_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no batch norm"):
        stacked(PlainNetwork(2), [name], {}, setting())


@pytest.mark.parametrize("name", NAMES)
def test_what_it_needs_is_declared(name: str) -> None:
    part = plugins.get("methods", name)
    assert part.online and part.needs_checkpoint and part.streams == {"target"}


@pytest.mark.parametrize("name", NAMES)
def test_an_online_part_stands_alone(name: str) -> None:
    with pytest.raises(UsageError, match=f"'{name}' adapts over a stream.*--init"):
        stacked(ToyNetwork(2), [name, "minent"], {}, setting())
