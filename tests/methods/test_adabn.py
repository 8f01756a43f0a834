import copy
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from dagen import plugins
from dagen.batch_norm import layers
from dagen.engine.stack import Stack
from dagen.errors import DataError, UsageError
from dagen.methods.adabn import evenly, in_batches, reestimate
from dagen.models.base import create_network
from dagen.types import Task
from tests.methods.cast import CastNetwork
from tests.methods.shift import SIZE, Drift, score, train, views
from tests.toy import ToyNetwork, setting, stacked

BRIGHT = Drift(brighter=0.3)
AdaBN = plugins.get("methods", "adabn")


def images(count: int = 4) -> list[Tensor]:
    found = []
    for seed in range(count):
        target = views(seed, BRIGHT, count=8)[0].target
        assert target is not None
        found += target.image.split(1)
    return found


def trained() -> Stack:
    torch.manual_seed(0)
    return train(["adabn"], {}, Drift(), steps=40, network=ToyNetwork(2))


def test_it_closes_a_gap_without_changing_a_weight() -> None:
    stack = trained()
    before = score(stack.student, BRIGHT)
    adapted = stack.predictor(lambda: iter(images()))
    assert before < 0.75
    assert score(adapted, BRIGHT) > before + 0.5 * (1 - before)
    for name, value in adapted.named_parameters():
        assert torch.equal(value, stack.student.get_parameter(name))


def test_training_is_source_only() -> None:
    torch.manual_seed(0)
    alone = train(["supervised"], {}, Drift(), steps=10, network=ToyNetwork(2))
    torch.manual_seed(0)
    with_adabn = train(["adabn"], {}, BRIGHT, steps=10, network=ToyNetwork(2))
    theirs = with_adabn.student.state_dict()
    assert all(torch.equal(v, theirs[k]) for k, v in alone.student.state_dict().items())


def test_without_a_target_it_says_what_to_do() -> None:
    network = ToyNetwork(2)
    with pytest.raises(UsageError, match="--tgt"):
        AdaBN(network, setting(size=(SIZE, SIZE)), AdaBN.Config()).predictor(network, None)


def test_a_network_without_batch_norm_is_refused_before_training() -> None:
    with pytest.raises(UsageError, match="adabn needs a network with batch norm"):
        stacked(CastNetwork(), ["adabn"], {}, setting())


class Deep(nn.Module):
    """Two batch norms, the second behind a pooled 1x1 map, and a head for training alone."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.first = nn.BatchNorm2d(4)
        self.second = nn.BatchNorm2d(4)
        self.aux = nn.BatchNorm2d(4)
        self.dropout = nn.Dropout(0.5)

    def forward(self, image: Tensor) -> Tensor:
        x = self.first(self.conv(image))
        if self.training:
            self.aux(x)
        pooled: Tensor = self.second(self.dropout(x).mean((2, 3), keepdim=True))
        return pooled


def test_reestimate_is_exact_over_batches_of_any_size() -> None:
    torch.manual_seed(0)
    module = Deep().train()
    aux = module.get_buffer("aux.running_mean").clone()
    images = [torch.rand(b, 3, h, 6) * (b + 1) for b, h in ((1, 4), (3, 8), (2, 5))]
    reestimate(module, images)
    values = torch.cat(
        [module.conv(image).double().transpose(0, 1).flatten(1) for image in images], dim=1
    )
    mean, variance = (module.get_buffer(f"first.running_{name}") for name in ("mean", "var"))
    torch.testing.assert_close(mean.double(), values.mean(1))
    torch.testing.assert_close(variance.double(), values.var(1))
    assert module.training and module.dropout.training and module.first.training
    assert torch.equal(module.get_buffer("aux.running_mean"), aux)  # never reached
    assert all(layer.track_running_stats for layer in layers(module))


def one_batch(network: nn.Module, images: Tensor) -> None:
    """The same from one batch of all images, in one pass."""

    def take(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        values = inputs[0].transpose(0, 1).flatten(1)
        layer.get_buffer("running_mean").copy_(values.mean(1))
        layer.get_buffer("running_var").copy_(values.var(1))

    for layer in layers(network):
        layer.register_forward_pre_hook(take)
    with torch.no_grad():
        network(images)


@pytest.mark.parametrize("name", ["enet", "icnet", "bisenet"])
def test_it_equals_one_batch_of_all_images_in_any_order(name: str) -> None:
    torch.manual_seed(0)
    network = create_network(name, Task.BINARY, 0.25, {}).eval()
    wanted, turned = copy.deepcopy(network), copy.deepcopy(network)
    pictures = torch.rand(5, 3, 64, 64) * torch.linspace(0.2, 1, 5)[:, None, None, None]
    reestimate(network, list(pictures.split(1)))
    one_batch(wanted, pictures)
    reestimate(turned, list(pictures.flip(0).split(2)))
    for other in (wanted, turned):
        for ours, theirs in zip(layers(network), layers(other), strict=True):
            for found, known in zip(ours.buffers(), theirs.buffers(), strict=True):
                if found.is_floating_point():
                    torch.testing.assert_close(found, known, atol=1e-4, rtol=1e-3)


def test_batches_hold_images_of_one_size() -> None:
    images = [torch.full((1, 3, side, 4), float(i)) for i, side in enumerate((4, 8, 4, 4, 8))]
    found = in_batches(images, 2)
    assert [batch[:, 0, 0, 0].tolist() for batch in found] == [[0, 2], [3], [1, 4]]


def test_of_many_images_some_are_taken_evenly() -> None:
    def many() -> Iterator[Tensor]:
        yield from torch.arange(10.0)

    assert [int(image) for image in evenly(many, 4)] == [0, 2, 5, 7]
    assert len(evenly(many, 10)) == len(evenly(many, 11)) == 10


def test_reestimate_refuses_what_it_cannot_do() -> None:
    with pytest.raises(DataError, match="no target image"):
        reestimate(ToyNetwork(2), [])
    with pytest.raises(UsageError, match="no batch norm"):
        reestimate(nn.Conv2d(3, 2, 1), images())
