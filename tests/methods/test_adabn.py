import pytest
import torch
from torch import Tensor

from dagen import plugins
from dagen.engine.stack import Stack
from dagen.errors import UsageError
from tests.methods.cast import CastNetwork
from tests.methods.shift import SIZE, Drift, score, train, views
from tests.toy import ToyNetwork, setting

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
        Stack(CastNetwork(), ["adabn"], {}, setting())
