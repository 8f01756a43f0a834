import torch
from torch import Tensor

from dagen import plugins
from tests.methods.shift import RED, gap_closed
from tests.toy import context, setting

Advent = plugins.get("methods", "advent")


def test_the_discriminator_sees_self_information_averaged_after_the_logarithm() -> None:
    ctx = context()
    part = Advent(ctx.student, setting(), Advent.Config(stride=8, width=8))
    seen: list[Tensor] = []
    part.discriminators[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    part.losses(ctx)
    p = ctx.target_out.logits.softmax(1)
    wanted = torch.nn.functional.avg_pool2d(-p * p.log2(), 2)  # log2 of two classes is 1
    torch.testing.assert_close(seen[0], wanted)
    assert seen[0].shape == (2, 2, 4, 4)


def test_defaults_are_the_papers() -> None:
    config = Advent.Config()
    assert (config.weight, config.aux_weight, config.learning_rate) == (0.001, 0.0002, 1e-4)


def test_it_closes_a_gap() -> None:
    assert gap_closed("advent", RED, weight=0.3, width=8, learning_rate=0.005) > 0.4
