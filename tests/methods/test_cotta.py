import copy

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dagen.engine.online import Learner
from dagen.methods.cotta import CoTTA
from dagen.methods.shared.online import mixed
from tests.methods.stream import gap_closed, images, known, learner
from tests.toy import ToyNetwork


def part_of(learner: Learner) -> CoTTA:
    part = learner.stack.online_part
    assert isinstance(part, CoTTA)
    return part


def probabilities(network: ToyNetwork, image: Tensor) -> Tensor:
    with mixed(network, 4.0), torch.no_grad():
        p: Tensor = network(image).logits.softmax(1)
    return p


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_the_student_learns_what_the_teacher_answers(confidence: float) -> None:
    cotta = learner("cotta", lr=0.05, decay=0.5, restore=0.0, confidence=confidence)
    stream = images(8, 4)
    cotta(next(stream)[0])  # so that teacher and student differ
    image, _ = next(stream)
    part, student = part_of(cotta), copy.deepcopy(cotta.stack.student)
    assert isinstance(student, ToyNetwork) and isinstance(part.teacher, ToyNetwork)
    taught = probabilities(part.teacher, image)
    if confidence == 1:
        taught = torch.zeros_like(taught)
        for scale in (0.75, 1.0, 1.25, 1.5):
            side = round(16 * scale / 4) * 4
            view = F.interpolate(image, size=(side, side), mode="bilinear")
            for flipped in (False, True):
                p = probabilities(part.teacher, view.flip(3) if flipped else view)
                p = p.flip(3) if flipped else p
                taught += F.interpolate(p, size=(4, 4), mode="bilinear") / 8
    own = probabilities(student, image)
    wanted = -(taught * own.log()).sum(1).mean()
    answer = cotta(image)
    assert cotta.figures["cotta/averaged"] == confidence
    assert cotta.figures["cotta/main"] == pytest.approx(float(wanted), rel=1e-4)
    torch.testing.assert_close(answer.softmax(1), taught, atol=1e-5, rtol=1e-4)


def test_the_teacher_is_the_moving_average() -> None:
    cotta = learner("cotta", lr=0.05, decay=0.9, restore=0.0)
    expected = {key: value.clone() for key, value in known().state_dict().items()}
    for image, _ in images(12, 4):
        cotta(image)
        for key, value in cotta.stack.student.state_dict().items():
            if value.is_floating_point():
                expected[key] = 0.9 * expected[key] + 0.1 * value
    teacher = part_of(cotta).teacher.state_dict()
    for key, value in expected.items():
        torch.testing.assert_close(teacher[key], value, atol=1e-6, rtol=1e-5)


def test_by_default_the_teacher_averages_over_a_quarter_of_the_stream() -> None:
    cotta = learner("cotta", images=32, lr=0.05, restore=0.0)
    before = {k: v.clone() for k, v in part_of(cotta).teacher.named_parameters()}
    cotta(next(images(4, 4))[0])
    for name, value in part_of(cotta).teacher.named_parameters():
        student = cotta.stack.student.get_parameter(name)
        # An eighth of the stream is half of its quarter.
        torch.testing.assert_close(value, 0.5 * before[name] + 0.5 * student, atol=1e-6, rtol=1e-5)


def test_a_share_of_the_weights_is_restored_by_the_step_alone() -> None:
    part, first = part_of(learner("cotta", restore=0.25)), known().state_dict()
    masks = []
    for step in (0, 0, 1):
        student = known()
        with torch.no_grad():
            for weight in student.parameters():
                weight.add_(1)
        part.after_step(student, step)
        back = [(v == first[k]).flatten() for k, v in student.named_parameters()]
        kept = [(v == first[k] + 1).flatten() for k, v in student.named_parameters()]
        masks.append(torch.cat(back))
        assert torch.equal(masks[-1], ~torch.cat(kept))
    assert 0.15 < masks[0].float().mean() < 0.35
    assert torch.equal(masks[0], masks[1]) and not torch.equal(masks[0], masks[2])


def test_the_teacher_is_what_is_saved() -> None:
    cotta = learner("cotta", lr=0.05, decay=0.5)
    for image, _ in images(8, 4):
        cotta(image)
    saved = cotta.stack.predictor()
    weights = dict(part_of(cotta).teacher.named_parameters())
    assert all(torch.equal(value, weights[name]) for name, value in saved.named_parameters())


def test_it_closes_a_gap_also_with_single_images() -> None:
    assert gap_closed("cotta", batch=4, lr=0.01) > 0.5
    assert gap_closed("cotta", batch=1, lr=0.01, prior=0.0) > 0.5
