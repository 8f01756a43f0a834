"""The counts and shapes of the paper's network."""

import pytest
import torch

from dagen.errors import UsageError
from dagen.models.bisenetv2 import BiSeNetV2
from dagen.models.deployed.cost import parameters


def by_hand(classes: int, head: int) -> int:
    """Parameters from table 1 and figures 4 to 6: weights of convolutions, and batch norms."""

    def conv(inputs: int, outputs: int, kernel: int = 3) -> int:
        return inputs * outputs * kernel**2 + 2 * outputs

    def depthwise(outputs: int) -> int:
        return 9 * outputs + 2 * outputs

    def gather(inputs: int, outputs: int, stride: int) -> int:
        inner = 6 * inputs
        count = conv(inputs, inputs) + depthwise(inner) + conv(inner, outputs, 1)
        if stride == 2:
            count += depthwise(inner) + depthwise(inputs) + conv(inputs, outputs, 1)
        return count

    detail = conv(3, 64) + 4 * conv(64, 64) + conv(64, 128) + 2 * conv(128, 128)
    stem = conv(3, 16) + conv(16, 8, 1) + conv(8, 16) + conv(32, 16)
    stages = gather(16, 32, 2) + gather(32, 32, 1) + gather(32, 64, 2) + gather(64, 64, 1)
    stages += gather(64, 128, 2) + 3 * gather(128, 128, 1)
    context = 128 + conv(128, 128, 1) + conv(128, 128)
    aggregation = 2 * (depthwise(128) + 128 * 128 + 128) + 3 * conv(128, 128)
    last = conv(128, head) + (head + 1) * classes
    return detail + stem + stages + context + aggregation + last


@pytest.mark.parametrize("head", [256, 1024])
def test_the_parameters_are_those_of_the_papers_tables(head: int) -> None:
    with torch.device("meta"):
        network = BiSeNetV2(5, head_channels=head)
    assert parameters(network) == by_hand(5, head)


def test_boosters_stand_after_every_stage_and_in_training_alone() -> None:
    network = BiSeNetV2(3, width=0.25)
    aux = network.train()(torch.rand(2, 3, 64, 96)).aux
    assert [tuple(x.shape[2:]) for x in aux] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    assert network.eval()(torch.rand(1, 3, 64, 96)).aux == ()
    assert not any(name.startswith("boosters") for name in network.deployed())


def test_each_branch_gates_the_other() -> None:
    """With a closed gate of the semantic branch, the fine detail cannot pass."""
    network = BiSeNetV2(2, width=0.25).eval()
    detail, semantic = torch.rand(1, 32, 8, 8), torch.rand(1, 32, 2, 2)
    seen = []
    network.aggregation.last.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        network.aggregation(detail, semantic)
        network.aggregation.semantic_up[1].bias.fill_(-1e4)
        network.aggregation(detail, semantic)
        network.aggregation.semantic[1].weight.zero_()
        network.aggregation.semantic[1].bias.fill_(-1e4)
        network.aggregation(detail, semantic)
    assert seen[0].abs().sum() > seen[1].abs().sum() > 0 and not seen[2].any()


def test_values_outside_their_range_are_refused() -> None:
    with pytest.raises(UsageError, match="head_channels is 0"):
        BiSeNetV2(2, head_channels=0)
    with pytest.raises(UsageError, match="dropout is 1"):
        BiSeNetV2(2, dropout=1)
