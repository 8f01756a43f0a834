import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dagen.errors import UsageError
from dagen.methods.eata import Eata
from dagen.parameters import build_config
from dagen.types import Task
from tests.methods.stream import gap_closed, images, known, learner
from tests.toy import ToyNetwork, setting


def part(**config: object) -> Eata:
    return Eata(ToyNetwork(2), setting(), Eata.Config(**config))  # type: ignore[arg-type]


def tasks(classes: int) -> Task:
    return Task("classes", tuple(map(str, range(classes))))


def entropy_of(p: Tensor) -> Tensor:
    return -(p * p.log()).sum(1)


def field(*values: float) -> Tensor:
    """(1, 2, 1, N) probabilities from those of the second class."""
    second = torch.tensor(values)
    return torch.stack([1 - second, second])[None, :, None, :]


def test_only_sure_and_new_pixels_count() -> None:
    eata = part()
    p = field(0.01, 0.04, 0.3, 0.5)  # margin: 0.4 log 2 = 0.277, entropies 0.06, 0.17, 0.61, 0.69
    assert eata.choose(p, entropy_of(p)).flatten().tolist() == [True, True, False, False]
    torch.testing.assert_close(eata.average, torch.tensor([0.975, 0.025]))
    # The ground is known by now; litter is new, and moves the average by a tenth.
    p = field(0.01, 0.96, 0.5, 0.98)
    assert eata.choose(p, entropy_of(p)).flatten().tolist() == [False, True, False, True]
    torch.testing.assert_close(eata.average, torch.tensor([0.8805, 0.1195]))
    p = field(0.01, 0.02)
    assert not eata.choose(p, entropy_of(p)).any()
    torch.testing.assert_close(eata.average, torch.tensor([0.8805, 0.1195]))


def test_the_similarity_is_the_cosine() -> None:
    for bound, wanted in ((0.9, True), (0.75, False)):
        eata = part(similarity=bound * math.sqrt(2))
        eata.average.copy_(torch.tensor([0.4, 0.6]))
        eata.known.fill_(True)
        p = field(0.95)
        cosine = (0.4 * 0.05 + 0.6 * 0.95) / math.hypot(0.4, 0.6) / math.hypot(0.05, 0.95)
        assert 0.75 < cosine < 0.9
        assert bool(eata.choose(p, entropy_of(p))) == wanted


@pytest.mark.parametrize("classes", [2, 5, 19])
def test_from_an_even_average_every_class_can_come_back(classes: int) -> None:
    """A cosine of 1 / sqrt(C) or less there would end the adaptation for good."""
    eata = Eata(ToyNetwork(classes), setting(tasks(classes)), Eata.Config())
    eata.average.fill_(1 / classes)
    eata.known.fill_(True)
    p = torch.eye(classes).mul(0.96).add(0.04 / classes)[None, :, None, :]  # a sure pixel of each
    assert eata.choose(p, entropy_of(p)).all()


def test_a_class_that_has_most_of_the_average_no_longer_counts() -> None:
    eata = part()
    eata.known.fill_(True)
    for share, wanted in ((0.6, True), (0.75, False)):
        eata.average.copy_(torch.tensor([share, 1 - share]))
        p = field(0.01)
        assert bool(eata.choose(p, entropy_of(p))) == wanted


def test_a_bound_that_no_class_could_pass_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"eata\.similarity is 0\.4: input should be greater than 1"
    ):
        build_config(Eata.Config, {"similarity": 0.4}, "eata")


def test_the_loss_weighs_sure_pixels_by_their_entropy() -> None:
    eata, network = learner("eata", prior=0.0, fisher_steps=0), known().train()
    image, _ = next(images(4, 4))
    with torch.no_grad():
        p = network(image).logits.softmax(1)
    margin, terms = 0.4 * math.log(2), []
    for pixel in p.movedim(1, -1).reshape(-1, 2).tolist():
        entropy = -sum(q * math.log(q) for q in pixel if q > 0)
        if entropy < margin:
            terms.append(entropy * math.exp(margin - entropy))
    eata(image)
    assert math.isclose(eata.figures["eata/main"], sum(terms) / len(terms), rel_tol=1e-4)
    assert eata.figures["eata/fisher"] == 0


def test_the_fisher_information_holds_the_weights() -> None:
    eata, network = learner("eata", prior=0.0, lr=0.05, fisher=7.0, fisher_steps=2), known().train()
    norm = network.stem[1]
    assert isinstance(norm, nn.BatchNorm2d)
    start = torch.cat([norm.weight, norm.bias]).detach()
    squares = []
    for step, (image, _) in enumerate(images(12, 4)):
        moved = eata.stack.student.state_dict()
        norm.load_state_dict({k[7:]: v for k, v in moved.items() if "stem.1." in k})
        now = torch.cat([norm.weight, norm.bias]).detach()
        network.zero_grad()
        logits = network(image).logits
        F.cross_entropy(logits, logits.argmax(1)).backward()
        assert isinstance(norm.weight.grad, Tensor) and isinstance(norm.bias.grad, Tensor)
        if step < 2:
            squares.append(torch.cat([norm.weight.grad, norm.bias.grad]).square())
        information = torch.stack(squares).mean(0)
        wanted = float(7 * (information * (now - start).square()).sum())
        eata(image)
        assert math.isclose(eata.figures["eata/fisher"], wanted, rel_tol=1e-3, abs_tol=1e-9), step
    assert wanted > 0


def test_it_closes_a_gap() -> None:
    assert gap_closed("eata", batch=4, lr=0.05) > 0.5


def test_single_images_lose_nothing_of_what_their_statistics_give() -> None:
    assert gap_closed("eata", batch=1, lr=0.05, prior=0.0) > 0.4


def test_it_does_not_stop_on_two_classes() -> None:
    eata, chosen = learner("eata"), []
    for image, _ in images(64, 4):
        eata(image)
        chosen.append(eata.figures["eata/chosen"])
    assert min(chosen[-4:]) > 0.1
