from pathlib import Path

import pytest
import torch
from torch import nn

from dagen.engine.build import build_network
from dagen.engine.loop import student_optimizer
from dagen.errors import UsageError
from dagen.models.base import create_network
from dagen.models.deployed.card import Card
from dagen.models.deployed.cost import macs, parameters, size_bytes
from dagen.models.deployed.file import load_deployed, save_deployed
from dagen.models.layers.pretrained import EFFICIENTNET_LITE0, Pretrained
from dagen.models.lite import Lite
from dagen.runs.config import from_mapping
from dagen.runs.plan import plan_run
from dagen.types import Task

needs_weights = pytest.mark.skipif(
    EFFICIENTNET_LITE0.find() is None, reason="the extra dagen[lite] is not installed"
)


def test_figures() -> None:
    with torch.device("meta"):
        network = Lite(2)
    assert parameters(network) == 794_402
    assert macs(network, (160, 160)) == 208_344_896
    assert size_bytes(network.to_empty(device="cpu")) < 3_300_000
    with torch.device("meta"):
        counts = [parameters(Lite(2, block=block)) for block in range(5, 15)]
    assert counts == sorted(counts) and counts[0] < 200_000


def test_sides_are_multiples_of_16_and_a_map_is_a_quarter() -> None:
    network = Lite(2, width=0.25).eval()
    with torch.no_grad():
        assert network(torch.rand(1, 3, 208, 48)).logits.shape == (1, 2, 52, 12)


def test_blocks_at_stride_32_are_added_to_those_at_16() -> None:
    """Sides are multiples of 32 then, and what the deepest map says reaches the logits."""
    network = Lite(3, width=0.25, block=13).eval()
    assert network.multiple == Lite.multiple_with({"block": 13}) == 32
    assert Lite(2, width=0.25).multiple == Lite.multiple_with({}) == 16
    image = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = network(image).logits
        assert before.shape == (1, 3, 16, 24)
        deepest = network.lateral32
        assert deepest is not None
        torch.nn.init.constant_(deepest[1].bias, 1.0)
        assert not torch.allclose(network(image).logits, before)
    assert "encoder.blocks.13" in dict(network.named_modules())
    assert Lite(2, width=0.25).lateral32 is None


def test_a_size_that_blocks_at_stride_32_cannot_take_is_refused() -> None:
    given = {
        "src": "resortit-synth", "tgt": None, "method": "supervised", "model": "lite",
        "size": (144, 144), "width": 0.25, "model_options": {"pretrained": False},
    }  # fmt: skip
    plan_run(from_mapping(given))
    given |= {"model_options": {"pretrained": False, "block": 13}}
    with pytest.raises(UsageError, match="needs multiples of 32"):
        plan_run(from_mapping(given))


@pytest.mark.parametrize("block", [4, 15, True, "10"])
def test_cuts_without_three_strides_are_refused(block: object) -> None:
    with pytest.raises(UsageError, match=r"block is .*; it must be a whole number from 5 to 14"):
        Lite(2, block=block)  # type: ignore[arg-type]


def test_the_pixels_are_normalised_as_in_the_training_of_the_encoder() -> None:
    image = torch.tensor([0.0, 127.0, 255.0]).view(1, 1, 1, 3).expand(1, 3, 1, 3) / 255
    found = Lite(2, width=0.1).normalise(image)
    torch.testing.assert_close(found[0, 0, 0], torch.tensor([-127 / 128, 0.0, 1.0]))


@needs_weights
def test_a_run_starts_from_imagenet_unless_it_says_otherwise() -> None:
    config = from_mapping({"model": "lite", "task": "binary"})
    assert config.model_options == {"pretrained": True}
    stem = build_network(config, Task.BINARY).state_dict()["encoder.conv_stem.weight"]
    assert torch.equal(stem, EFFICIENTNET_LITE0.load()["_conv_stem.weight"])
    scratch = from_mapping(
        {"model": "lite", "task": "binary", "model_options": {"pretrained": False}}
    )
    other = build_network(scratch, Task.BINARY).state_dict()["encoder.conv_stem.weight"]
    assert not torch.equal(stem, other)


def test_a_pretrained_start_brings_its_learning_rates_and_the_record_says_so() -> None:
    config = from_mapping({"model": "lite"})
    assert (config.lr, config.encoder_lr_factor) == (1e-3, 0.3)
    assert config.to_dict()["encoder_lr_factor"] == 0.3
    assert from_mapping(config.to_dict()) == config
    own = from_mapping({"model": "lite", "lr": 5e-4, "encoder_lr_factor": 1})
    assert (own.lr, own.encoder_lr_factor) == (5e-4, 1)
    scratch = from_mapping({"model": "lite", "model_options": {"pretrained": False}})
    assert (scratch.lr, scratch.encoder_lr_factor) == (2e-3, None)
    assert len({c.name for c in (config, own, scratch)}) == 3
    assert config.source_only().model_options == config.model_options


def test_the_encoder_learns_at_its_own_rate() -> None:
    network = Lite(2, width=0.1)
    config = from_mapping({"model": "lite", "lr": 1e-3, "encoder_lr_factor": 0.1})
    rates = {
        id(parameter): (group["lr"], group["weight_decay"])
        for group in student_optimizer(network, config).param_groups
        for parameter in group["params"]
    }
    assert len(rates) == len(list(network.parameters()))
    for name, parameter in network.named_parameters():
        rate, decay = rates[id(parameter)]
        assert rate == pytest.approx(1e-4 if name.startswith("encoder.") else 1e-3)
        assert (decay > 0) == (parameter.ndim > 1)


def test_settings_that_do_not_fit_are_refused_before_any_work() -> None:
    with pytest.raises(UsageError, match="enet has no encoder that can be pretrained"):
        plan_run(from_mapping({"encoder_lr_factor": 0.1}))
    with pytest.raises(UsageError, match=r"width is 0\.5 with pretrained"):
        plan_run(from_mapping({"model": "lite", "width": 0.5}))
    with pytest.raises(UsageError, match="pretrained is 'false'"):
        plan_run(from_mapping({"model": "lite", "model_options": {"pretrained": "false"}}))
    plan_run(from_mapping({"model": "lite", "width": 0.5, "model_options": {"pretrained": False}}))


def test_a_deployed_file_needs_no_weights_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Pretrained) -> None:
        raise AssertionError("the weights of others were read")

    monkeypatch.setattr(Pretrained, "load", refuse)
    network = create_network("lite", Task.BINARY, 1.0, {"block": 5}).eval()
    path = tmp_path / "model.safetensors"
    options = {"block": 5, "pretrained": True}
    save_deployed(path, network, Card("lite", "binary", (32, 32), options=options))
    again, card = load_deployed(path)
    assert card.options == options
    image = torch.rand(1, 3, 48, 32)
    with torch.no_grad():
        assert torch.equal(again(image).logits, network(image).logits)
    started = from_mapping({"model": "lite", "task": "binary", "model_options": options,
                            "init": str(path)})  # fmt: skip
    held = build_network(started, Task.BINARY).state_dict()
    assert all(torch.equal(held[key], value) for key, value in network.state_dict().items())


def test_only_layers_that_quantise_well() -> None:
    plain = (nn.Conv2d, nn.BatchNorm2d, nn.ReLU6, nn.ZeroPad2d, nn.Sigmoid)
    leaves = [m for m in Lite(2, width=0.1).modules() if not [*m.children()]]
    assert leaves and all(isinstance(module, plain) for module in leaves)


class _Logits(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(image).logits
        return logits


def test_it_exports_to_plain_onnx(tmp_path: Path) -> None:
    """The padding becomes an attribute of the convolutions; no node looks at the map's size."""
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    network = Lite(2, width=0.25).eval()
    path, image = tmp_path / "lite.onnx", torch.rand(1, 3, 64, 96)
    torch.onnx.export(_Logits(network).eval(), (image,), str(path), dynamo=True, verbose=False)
    kinds = {node.op_type for node in onnx.load(path).graph.node}
    assert kinds == {
        "Add", "Clip", "Concat", "Conv", "Div", "Mul", "ReduceMean", "Resize", "Sigmoid", "Sub",
    }  # fmt: skip
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
    with torch.no_grad():
        expected = network(image).logits
    torch.testing.assert_close(torch.from_numpy(found), expected, atol=1e-4, rtol=1e-3)


def test_a_new_head_is_unsure() -> None:
    """Wild first logits would send large gradients into the pretrained encoder."""
    torch.manual_seed(0)
    logits = Lite(2).train()(torch.rand(2, 3, 64, 64)).logits
    assert logits.abs().max() < 1
