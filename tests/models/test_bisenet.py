import pytest
import torch

from dagen import plugins
from dagen.errors import UsageError
from dagen.models.bisenet import BiSeNet
from dagen.models.bisenet_resnet18 import BiSeNetResNet18
from dagen.models.deployed.cost import macs, parameters
from dagen.models.layers.pretrained import RESNET18, Pretrained


def test_figures_of_the_authors_network() -> None:
    with torch.device("meta"):
        network = BiSeNet(5)
    assert parameters(network) == 1_541_053
    assert sum(p.numel() for p in network.parameters()) == 1_837_767  # with auxiliary heads
    assert macs(network, (224, 448)) == 1_327_226_368
    with torch.device("meta"):
        assert round(parameters(BiSeNet(19)) / 1e6, 3) == 1.542


def test_figures_with_resnet18() -> None:
    with torch.device("meta"):
        network = BiSeNetResNet18(5)
    assert parameters(network) == 12_893_253
    assert macs(network, (224, 448)) == 4_962_134_016


def test_auxiliary_heads_stand_at_strides_16_and_8() -> None:
    aux = BiSeNet(3, width=0.25).train()(torch.rand(2, 3, 64, 96)).aux
    assert [tuple(x.shape[2:]) for x in aux] == [(4, 6), (8, 12)]


def test_context_paths_answer_strides_16_and_32() -> None:
    for name in ("bisenet", "bisenet-resnet18"):
        network = plugins.get("models", name)(3, width=0.25).eval()
        with torch.no_grad():
            maps = network.context(torch.rand(1, 3, 64, 96))
        assert [x.shape[1] for x in maps] == list(network.context.outputs)
        assert [tuple(x.shape[2:]) for x in maps] == [(4, 6), (2, 3)]


def test_pretrained_weights_make_the_context_path_torchvisions_resnet18(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    reference = models.resnet18(weights=None).eval()
    for module in reference.modules():  # statistics that a fresh network does not have
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 1.5)
    monkeypatch.setattr(Pretrained, "load", lambda self: reference.state_dict())
    network = BiSeNetResNet18(3, pretrained=True).eval()
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        x = reference.maxpool(reference.relu(reference.bn1(reference.conv1(image))))
        at16 = reference.layer3(reference.layer2(reference.layer1(x)))
        found = network.context(image)
    torch.testing.assert_close(found[0], at16)
    torch.testing.assert_close(found[1], reference.layer4(at16))


def test_pretrained_weights_fit_width_1_only() -> None:
    with pytest.raises(UsageError, match=r"width is 0\.5 with pretrained"):
        BiSeNetResNet18(3, width=0.5, pretrained=True)
    with pytest.raises(UsageError, match="depth is 2 with pretrained"):
        BiSeNetResNet18(3, depth=2, pretrained=True)


def test_the_file_is_torchvisions() -> None:
    models = pytest.importorskip("torchvision.models")
    assert models.ResNet18_Weights.IMAGENET1K_V1.url == RESNET18.url
    assert RESNET18.sha256[:8] in RESNET18.file and RESNET18.url.endswith(RESNET18.file)
