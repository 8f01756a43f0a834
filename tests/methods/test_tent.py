import math

import pytest
import torch
from torch import nn

from dagen.methods.shared.online import mixed
from tests.methods import stream
from tests.methods.shift import Drift
from tests.methods.stream import beyond_statistics, gap_closed, images, known, learner, moved


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


@pytest.mark.parametrize("batch", [1, 4, 7])
def test_the_rates_of_a_stream_add_up_to_the_papers(batch: int) -> None:
    """2.5e-4 for 50,000 images in batches of 64, however many images there are here."""
    paper = 2.5e-4 * 50_000 / 64
    for count in (21, 64):
        tent, spent = learner("tent", images=count), 0.0
        for image, _ in images(count, batch):
            tent(image)
            spent += tent.optimizers[0].param_groups[0]["lr"]
        assert spent == pytest.approx(paper, rel=0.05)


def test_by_default_it_learns_on_a_short_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """The paper's rate, made for a stream of 50,000 images, changes next to nothing of 64."""
    monkeypatch.setattr(stream, "SHIFT", Drift(brighter=0.5))
    assert moved("tent", lr=2.5e-4) < 0.002
    assert moved("tent") > 0.01
    assert beyond_statistics("tent", lr=2.5e-4) < 0.01
    assert beyond_statistics("tent") > 0.05
