"""Every network, whoever wrote it, keeps the contract of dagen/models/base.py."""

import inspect

import pytest
import torch
from torch import nn

from dagen import plugins
from dagen.errors import UsageError
from dagen.models.base import Network, upsample
from dagen.ops import outputs_of

CLASSES = 3
NAMES = plugins.names("models")


@pytest.fixture(scope="module", params=NAMES)
def network(request: pytest.FixtureRequest) -> Network:
    torch.manual_seed(0)
    built: Network = plugins.get("models", request.param)(CLASSES, width=0.5)
    return built


def images(count: int = 2, height: int = 64, width: int = 96) -> torch.Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1))


def test_training_answers_logits_features_and_every_auxiliary_head(network: Network) -> None:
    out = network.train()(images())
    assert out.logits.shape == (2, CLASSES, 64 // network.stride, 96 // network.stride)
    assert out.features.shape[:2] == (2, network.feature_channels)
    assert len(out.aux) == len(network.aux_weights)
    assert all(aux.shape[:2] == (2, CLASSES) for aux in out.aux)
    assert all(64 % aux.shape[2] == 0 for aux in out.aux)


def test_evaluation_answers_no_auxiliary_head(network: Network) -> None:
    assert network.eval()(images(1)).aux == ()


@pytest.mark.parametrize("size", [(32, 32), (96, 32), (32, 160)])
def test_any_multiple_of_32_will_do(network: Network, size: tuple[int, int]) -> None:
    with torch.no_grad():
        out = network.eval()(images(1, *size))
    assert out.logits.shape[2:] == (size[0] // network.stride, size[1] // network.stride)
    assert out.logits.isfinite().all()
    assert 32 % network.multiple == 0


def test_logits_are_the_head_of_the_features(network: Network) -> None:
    with torch.no_grad():
        out = network.eval()(images())
        again = network.head(out.features)
    size = (out.logits.shape[2], out.logits.shape[3])
    torch.testing.assert_close(upsample(again, size), out.logits)


def test_images_of_a_batch_do_not_meet_in_evaluation(network: Network) -> None:
    batch = images()
    with torch.no_grad():
        together = network.eval()(batch).logits
        alone = torch.cat([network(image[None]).logits for image in batch])
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-4)


def test_training_can_be_compiled_as_one_graph(network: Network) -> None:
    torch.compiler.reset()
    traced = torch.compile(network.train().forward, backend="eager", fullgraph=True, dynamic=False)
    torch.manual_seed(0)
    expected = network(images())
    torch.manual_seed(0)
    torch.testing.assert_close(traced(images()), expected)


def test_a_single_image_can_be_trained_on(network: Network) -> None:
    out = network.train()(images(1))
    assert out.logits.isfinite().all()


def test_gradients_reach_every_parameter(network: Network) -> None:
    network.train().zero_grad()
    out = network(images())
    # Random directions: a plain mean would vanish behind a batch norm.
    loss = sum((part * torch.randn_like(part)).sum() for part in (out.logits, *out.aux))
    loss.backward()
    starved = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert starved == []
    network.zero_grad()


def test_the_main_logits_leave_training_only_parts_alone(network: Network) -> None:
    network.train().zero_grad()
    out = network(images())
    (out.logits * torch.randn_like(out.logits)).sum().backward()
    reached = {name for name, p in network.named_parameters() if p.grad is not None}
    assert reached == {name for name, _ in network.named_parameters()} & set(network.deployed())
    network.zero_grad()


def test_training_only_names_submodules(network: Network) -> None:
    for name in network.training_only:
        assert isinstance(network.get_submodule(name), nn.Module)
    assert bool(network.training_only) == bool(network.aux_weights)


def test_taps_are_early_stages_that_answer_maps(network: Network) -> None:
    seen = []
    hooks = [
        network.get_submodule(tap).register_forward_hook(
            lambda module, inputs, output: seen.append(output)
        )
        for tap in network.taps
    ]
    with torch.no_grad():
        network.eval()(images(1))
    for hook in hooks:
        hook.remove()
    assert len(seen) == len(network.taps) >= 1
    assert all(isinstance(x, torch.Tensor) and x.ndim == 4 for x in seen)
    assert all(x.shape[2] >= 64 // 8 for x in seen), "deeper than stride 8 is no style"


def test_encoder_maps_are_the_last_at_their_strides(network: Network) -> None:
    with torch.no_grad(), outputs_of(network.eval(), network.encoder_maps) as found:
        network(images(1, 128, 96))
    strides = [128 // found[name].shape[2] for name in network.encoder_maps]
    assert strides == sorted(set(strides)) and strides
    assert [96 // found[name].shape[3] for name in network.encoder_maps] == strides
    if network.encoder_parts:
        assert all(n.startswith(network.encoder_parts) for n in network.encoder_maps)


@pytest.mark.parametrize("name", NAMES)
def test_width_scales_encoder_and_decoder(name: str) -> None:
    build = plugins.get("models", name)
    with torch.device("meta"):
        slim, plain, wide = (build(CLASSES, width=width) for width in (0.5, 1.0, 2.0))
    sizes = [sum(p.numel() for p in network.parameters()) for network in (slim, plain, wide)]
    assert 2.5 * sizes[0] < sizes[1] < sizes[2] / 2.5
    assert slim.feature_channels < plain.feature_channels < wide.feature_channels
    firsts = [next(p for p in network.parameters()).shape[0] for network in (slim, plain, wide)]
    assert firsts[0] < firsts[1] < firsts[2]


@pytest.mark.parametrize("name", NAMES)
def test_encoder_decoder_and_depth_are_scaled_by_themselves(name: str) -> None:
    kind = plugins.get("models", name)

    def shapes(**sizes: float) -> dict[str, torch.Size]:
        with torch.device("meta"):
            return {k: x.shape for k, x in kind(CLASSES, **sizes).deployed().items()}

    def total(**sizes: float) -> int:
        return sum(shape.numel() for shape in shapes(**sizes).values())

    plain = total()
    assert shapes(encoder_width=0.5, decoder_width=0.5) == shapes(width=0.5)
    assert shapes(width=0.5, encoder_width=1, decoder_width=1) == shapes()
    encoder, decoder = total(encoder_width=0.5), total(decoder_width=0.5)
    assert total(width=0.5) < min(encoder, decoder) and max(encoder, decoder) < plain
    assert total(depth=0.5) < plain < total(depth=2)
    first = next(iter(shapes()))
    assert shapes(decoder_width=0.5)[first] == shapes()[first]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "sizes", [{"encoder_width": 0.3}, {"decoder_width": 0.3}, {"depth": 0.1}, {"depth": 1.5}]
)
def test_networks_of_other_sizes_keep_their_outputs(name: str, sizes: dict[str, float]) -> None:
    network = plugins.get("models", name)(CLASSES, width=0.25, **sizes).eval()
    assert set(network.taps) <= {key for key, _ in network.named_modules()}
    with torch.no_grad(), outputs_of(network, network.encoder_maps) as found:
        out = network(images(1))
    assert out.logits.shape == (1, CLASSES, 64 // network.stride, 96 // network.stride)
    assert out.features.shape[1] == network.feature_channels
    assert len(found) == len(network.encoder_maps)


@pytest.mark.parametrize("name", NAMES)
def test_very_slim_networks_still_run(name: str) -> None:
    network = plugins.get("models", name)(2, width=0.05)
    assert network.train()(images(2, 32, 32)).logits.shape[1] == 2


@pytest.mark.parametrize("name", NAMES)
def test_values_outside_their_range_are_refused(name: str) -> None:
    build = plugins.get("models", name)
    with pytest.raises(UsageError, match="num_classes is 1"):
        build(1)
    with pytest.raises(UsageError, match="width is 0"):
        build(2, width=0)
    for key in ("encoder_width", "decoder_width", "depth"):
        for value in (0, 5, True, "wide"):
            with pytest.raises(UsageError, match=f"{key} is .*; it must be above 0"):
                build(2, **{key: value})


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_weights(name: str) -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(plugins.get("models", name)(CLASSES, width=0.25).state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.parametrize("name", NAMES)
def test_an_encoder_that_can_be_pretrained_is_named(name: str) -> None:
    kind = plugins.get("models", name)
    assert (kind.start is not None) == ("pretrained" in inspect.signature(kind).parameters)
    network = kind(2, width=0.1)
    shares = [network.in_encoder(key) for key, _ in network.named_parameters()]
    assert any(shares) == (kind.start is not None)
    assert not all(shares)


@pytest.mark.parametrize("name", [n for n in NAMES if plugins.get("models", n).start is not None])
def test_pretrained_weights_change_the_encoder_and_nothing_else(name: str) -> None:
    kind = plugins.get("models", name)
    if kind.start.find() is None:
        pytest.skip(f"the pretrained weights of {name} are not on this machine")
    states = []
    for pretrained in (False, True):
        torch.manual_seed(0)
        states.append(kind(2, pretrained=pretrained).state_dict())
    network = kind(2)
    for key, value in states[0].items():
        if "running" in key or not network.in_encoder(key):
            continue
        assert not torch.equal(value, states[1][key]) or "num_batches" in key, key
    for key, value in states[0].items():
        assert network.in_encoder(key) or torch.equal(value, states[1][key])
