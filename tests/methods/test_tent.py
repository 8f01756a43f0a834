import math

import torch
from torch import nn

from dagen.methods.shared.online import mixed
from tests.methods.stream import beyond_statistics, gap_closed, images, known, learner


def test_the_loss_is_the_mean_entropy_in_nats() -> None:
    tent, network = learner("tent", prior=2.0), known()
    image, _ = next(images(4, 4))
    with mixed(network, 2.0), torch.no_grad():
        p = network(image).logits.softmax(1)
    wanted = 0.0
    for pixel in p.movedim(1, -1).reshape(-1, 2).tolist():
        wanted -= sum(q * math.log(q) for q in pixel if q > 0)
    answer = tent(image)
    assert math.isclose(tent.figures["tent/main"], wanted / (p.numel() / 2), rel_tol=1e-4)
    torch.testing.assert_close(answer.softmax(1), p, atol=1e-6, rtol=1e-5)


def test_one_step_of_sgd_on_scale_and_shift_alone() -> None:
    tent, network = learner("tent", prior=0.0, lr=0.1), known().train()
    image, _ = next(images(4, 4))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    p = network(image).logits.softmax(1)  # in training: the paper's batch statistics
    (-(p * p.log()).sum(1).mean()).backward()
    tent(image)
    after = tent.stack.student.state_dict()
    norm = network.stem[1]
    assert isinstance(norm, nn.BatchNorm2d)
    for name, parameter in (("stem.1.weight", norm.weight), ("stem.1.bias", norm.bias)):
        assert parameter.grad is not None
        wanted = before[name] - 0.1 * parameter.grad
        torch.testing.assert_close(after[name], wanted, atol=1e-5, rtol=1e-4)
    rest = [key for key in before if key not in ("stem.1.weight", "stem.1.bias")]
    assert all(torch.equal(before[key], after[key]) for key in rest)


def test_it_closes_a_gap_also_with_single_images() -> None:
    for batch in (4, 1):
        assert gap_closed("tent", batch=batch, lr=0.01) > 0.8
    assert beyond_statistics("tent", batch=1, lr=0.01) > 0.02
