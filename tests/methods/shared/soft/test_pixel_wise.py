import math

import pytest
import torch

from dagen.methods.shared.soft.pixel_wise import pixel_wise


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_it_is_the_mean_divergence_pixel_by_pixel(temperature: float) -> None:
    draw = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 2, 3, 4, 5, generator=draw) * 3
    total = 0.0
    for b in range(2):
        for y in range(4):
            for x in range(5):
                ours = [math.exp(v / temperature) for v in student[b, :, y, x].tolist()]
                theirs = [math.exp(v / temperature) for v in teacher[b, :, y, x].tolist()]
                for a, t in zip(ours, theirs, strict=True):
                    p, q = a / sum(ours), t / sum(theirs)
                    total += q * math.log(q / p)
    found = float(pixel_wise(student, teacher, temperature))
    assert found == pytest.approx(temperature**2 * total / 40, rel=1e-5)


def test_the_teachers_answer_has_no_loss_and_the_gradient_reaches_the_student_alone() -> None:
    student = torch.randn(1, 3, 2, 2, requires_grad=True)
    teacher = torch.randn(1, 3, 2, 2, requires_grad=True)
    assert float(pixel_wise(student, student.detach() + 7).detach()) == pytest.approx(0, abs=1e-6)
    pixel_wise(student, teacher).backward()
    assert teacher.grad is None and student.grad is not None
    wanted = (student.softmax(1) - teacher.softmax(1)).detach() / 4
    assert torch.allclose(student.grad, wanted, atol=1e-6)
