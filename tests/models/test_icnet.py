import pytest
import torch

from dagen import plugins
from dagen.models.base import upsample
from dagen.models.deployed.cost import macs, parameters
from dagen.models.icnet import ICNet


def test_classifying_before_the_last_upsampling_changes_nothing() -> None:
    torch.manual_seed(0)
    network = ICNet(3, width=0.25).eval()
    with torch.no_grad():
        out = network(torch.rand(1, 3, 64, 96))
        published = network.head(upsample(out.features, (16, 24)))
    torch.testing.assert_close(out.logits, published, rtol=1e-4, atol=1e-5)


def test_auxiliary_heads_stand_at_strides_16_and_8() -> None:
    aux = ICNet(3, width=0.25).train()(torch.rand(2, 3, 64, 96)).aux
    assert [tuple(x.shape[2:]) for x in aux] == [(4, 6), (8, 12)]


@pytest.mark.parametrize(
    ("name", "count", "work"),
    # The published channels give 6.7 M; 7.7 M is what their 31 MB Caffe file would hold.
    [("icnet", 2_092_149, 553_836_416), ("icnet-resnet50", 6_698_181, 1_374_822_400)],
)
def test_figures_at_five_classes(name: str, count: int, work: int) -> None:
    with torch.device("meta"):
        network = plugins.get("models", name)(5)
    assert parameters(network) == count
    assert macs(network, (224, 448)) == work
