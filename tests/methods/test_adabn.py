import pytest
import torch
from torch import Tensor, nn

from dagen import plugins
from dagen.batch_norm import layers
from dagen.engine.stack import Stack
from dagen.errors import DataError, UsageError
from dagen.methods.adabn import reestimate
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
    reestimate(module, iter(images))
    values = torch.cat(
        [module.conv(image).double().transpose(0, 1).flatten(1) for image in images], dim=1
    )
    mean, variance = (module.get_buffer(f"first.running_{name}") for name in ("mean", "var"))
    torch.testing.assert_close(mean.double(), values.mean(1))
    torch.testing.assert_close(variance.double(), values.var(1))
    assert module.training and module.dropout.training and module.first.training
    assert torch.equal(module.get_buffer("aux.running_mean"), aux)  # never reached
    assert all(layer.track_running_stats for layer in layers(module))


def test_layers_normalise_by_what_they_have_pooled_so_far() -> None:
    torch.manual_seed(0)
    module = Deep().eval()
    images = [torch.rand(1, 3, 6, 6) * (i + 1) for i in range(5)]
    values, pooled = torch.zeros(4, 0, dtype=torch.float64), []
    for image in images:
        x = module.conv(image).double()
        values = torch.cat([values, x[0].flatten(1)], dim=1)
        mean, variance = (v[:, None, None] for v in (values.mean(1), values.var(1)))
        pooled.append(((x - mean) / (variance + 1e-5).sqrt()).mean((2, 3)))
    reestimate(module, iter(images))
    wanted = torch.cat(pooled)
    mean, variance = (module.get_buffer(f"second.running_{name}") for name in ("mean", "var"))
    torch.testing.assert_close(mean.double(), wanted.mean(0), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(variance.double(), wanted.var(0), atol=1e-5, rtol=1e-4)


def test_reestimate_refuses_what_it_cannot_do() -> None:
    with pytest.raises(DataError, match="no target image"):
        reestimate(ToyNetwork(2), iter(()))
    with pytest.raises(UsageError, match="no batch norm"):
        reestimate(nn.Conv2d(3, 2, 1), iter(images()))
