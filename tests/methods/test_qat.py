"""QAT computes what ONNX Runtime computes of the int8 file."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dagen.deploy.agreement import loss
from dagen.deploy.quantise import Quantiser
from dagen.deploy.to_onnx import to_onnx
from dagen.errors import UsageError
from dagen.methods import qat
from dagen.methods.base import Asked
from dagen.methods.qat import Qat, round_activation, round_weight
from dagen.types import Batch, SegOut, Task, View
from tests.toy import ToyNetwork, batch, setting, stacked


class Wide(ToyNetwork):
    """Also a transposed convolution, a depth-wise one, and a batch norm that cannot be folded."""

    stride = 2

    def __init__(self, num_classes: int, width: float = 1.0) -> None:
        super().__init__(num_classes, width)
        self.deep = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.BatchNorm2d(8))
        self.apart = nn.BatchNorm2d(16)
        self.up = nn.ConvTranspose2d(16, 8, 2, 2)
        self.head = nn.Conv2d(8, num_classes, 1)

    def forward(self, image: Tensor) -> SegOut:
        stem = self.stem(self.normalise(image))
        features = self.up(self.apart(torch.cat([stem, self.deep(stem)], 1)).relu())
        return SegOut(self.head(features), features)


def wide() -> Wide:
    torch.manual_seed(3)
    network = Wide(3)
    with torch.no_grad():
        network.head.weight.mul_(4)
        for value in network.modules():
            if isinstance(value, nn.BatchNorm2d):
                value.running_mean.uniform_(-1, 1)  # type: ignore[union-attr]
                value.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
                value.weight.uniform_(-1, 1)
    return network.eval()


@torch.no_grad()
def test_it_computes_what_onnx_runtime_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    network = wide()
    images = [torch.rand(1, 3, 32, 48) for _ in range(6)]
    inputs = [image.numpy() for image in images]
    model = to_onnx(network, "float32", (32, 48), dynamic=True)  # type: ignore[arg-type]
    session = onnxruntime.InferenceSession(Quantiser(model, inputs)().SerializeToString())
    theirs = [session.run(["logits"], {"image": each})[0] for each in inputs]
    exact = [network(each).logits.numpy() for each in images]
    part = Qat(network, setting(size=(32, 48)), Qat.Config(window=100))
    with monkeypatch.context() as patch:  # the export's ranges are those of the float32 network
        patch.setattr(qat, "round_activation", lambda x, limits: x)
        patch.setattr(qat, "round_weight", lambda layer, weight: weight)
        for each in images:
            with part.rounded("target", observed="target"):
                network(each)
    with part.rounded("target"):
        ours = [network(each).logits.numpy() for each in images]
    assert all("weight" not in vars(each) for each in network.modules())

    def apart(one: list[np.ndarray], other: list[np.ndarray]) -> float:
        return float(np.mean([np.abs(a - b).mean() for a, b in zip(one, other, strict=True)]))

    lost = apart(exact, theirs)
    assert lost > 0 and apart(ours, theirs) < 0.35 * lost
    np.testing.assert_allclose(np.concatenate(exact), [network(x).logits[0] for x in images])


def test_numbers_of_a_rounded_activation() -> None:
    limits = torch.tensor([-1.0, 4.1])  # 255 steps of 0.02, zero at 50
    x = torch.tensor([-9, -1, -0.031, 0, 0.009, 0.011, 4.1, 7], requires_grad=True)
    rounded = round_activation(x, limits)
    expected = [-1, -1, -0.04, 0, 0, 0.02, 4.1, 4.1]
    torch.testing.assert_close(rounded.detach(), torch.tensor(expected))
    rounded.sum().backward()
    assert x.grad is not None and x.grad.tolist() == [0, 1, 1, 1, 1, 1, 1, 0]
    # 0 is always among the values, and a range of nothing is none.
    assert round_activation(torch.tensor([0.0, 1.0]), torch.tensor([0.5, 2.55])).tolist() == [0, 1]
    assert round_activation(torch.zeros(3), torch.zeros(2)).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("layer", "axis"),
    [(nn.Conv2d(4, 6, 3), 0), (nn.ConvTranspose2d(4, 6, 2), 1), (nn.Linear(4, 6), 0)],
)
def test_a_weight_has_7_bits_and_a_step_for_each_output(layer: nn.Module, axis: int) -> None:
    weight = layer.get_parameter("weight")
    with torch.no_grad():
        weight.select(axis, 0).mul_(50)
    rounded = round_weight(layer, weight)
    rounded.sum().backward()
    for mine, own in zip(rounded.unbind(axis), weight.unbind(axis), strict=True):
        mine, own = mine.detach(), own.detach()
        step = own.abs().max() / 64
        assert float((mine / step - (mine / step).round()).abs().max()) < 1e-3
        assert float((mine - own).abs().max()) <= float(step) * 0.501
    assert weight.grad is not None and bool((weight.grad == 1).all())


def test_ranges_are_means_over_images_of_the_target() -> None:
    torch.manual_seed(0)
    stack = stacked(ToyNetwork(2), ["minent", "qat"], {}, setting(), "shared", 0.0).train()
    part = stack.parts["qat"]
    assert isinstance(part, Qat)
    images = batch(count=3)
    stack(images, 0)
    assert images.target is not None
    plain = stack.student.normalise(images.target.image)  # type: ignore[operator]
    flat = plain.flatten(1)
    expected = torch.stack([flat.amin(1).mean(), flat.amax(1).mean()])
    torch.testing.assert_close(part.ranges[0, 0], expected)
    before = part.ranges.clone()
    stack(batch(count=3, seed=1), 1)
    assert int(part.looks) == 2 and not torch.equal(part.ranges, before)


def uneven() -> Wide:
    """One channel is 400 times as large as the others, and the layers behind it allow for it.

    8 bits for all channels leave the others few levels.
    """
    network = wide()
    with torch.no_grad():
        network.stem[1].weight[0] *= 400
        network.stem[1].bias[0] *= 400
        network.deep[0].weight[0] /= 400  # type: ignore[index]
        network.apart.running_mean[0] *= 400  # type: ignore[index]
        network.apart.running_var[0] *= 400**2  # type: ignore[index]
    return network


def smooth(seed: int) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return F.interpolate(torch.rand(4, 3, 8, 8, generator=draw), (32, 32), mode="bilinear")


@torch.no_grad()
def lost_by_rounding(network: nn.Module, exact: nn.Module) -> float:
    """Points of agreement with ``exact`` on other images than those of the training."""
    network, part = network.eval(), Qat(network, setting(), Qat.Config(window=100))
    for seed in range(100, 104):
        with part.rounded("target", observed="target"):
            network(smooth(seed))
    with part.rounded("target"):
        ours = [network(smooth(seed)).logits.argmax(1).numpy() for seed in range(200, 204)]
    theirs = [exact(smooth(seed)).logits.argmax(1).numpy() for seed in range(200, 204)]
    return loss(ours, theirs, Task("three", ("background", "one", "two")))


def test_learning_with_the_rounding_brings_back_what_it_costs() -> None:
    after = {}
    for names in (["distill"], ["distill", "qat"]):
        network, exact = uneven(), uneven()
        facts = replace(setting(steps=60), networks={"itself": Asked(exact, (32, 32), 8)})
        given = {"distill": {"teacher": "itself", "logits": 0.0}}
        stack = stacked(network, names, given, facts, "shared", 0.0).train()
        optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=0)
        before = lost_by_rounding(network, exact)
        for step in range(60):
            network.train()
            images = Batch(batch(count=4).source, View(smooth(step), torch.arange(4)))
            losses, _ = stack(images, step)
            torch.stack([x for name, x in losses.items() if "distill" in name]).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        after[names[-1]] = lost_by_rounding(network, exact)
    assert before > 30
    assert after["qat"] < 0.75 * before
    assert after["distill"] > 0.9 * before, "the same training without the rounding"


def test_weights_are_saved_as_they_are_and_the_gradient_reaches_them() -> None:
    torch.manual_seed(0)
    stack = stacked(ToyNetwork(2), ["qat"], {}, setting()).train()
    losses, _ = stack(batch(), 0)
    sum(losses.values()).backward()  # type: ignore[union-attr]
    weight = stack.student.get_parameter("stem.0.weight")
    assert weight.grad is not None and bool(weight.grad.any())
    assert torch.equal(stack.predictor().state_dict()["stem.0.weight"], weight)


def test_a_network_without_layers_is_refused() -> None:
    class Empty(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, image: Tensor) -> Tensor:
            return image * self.scale

    with pytest.raises(UsageError, match="this network has none"):
        Qat(Empty(), setting(), Qat.Config())
