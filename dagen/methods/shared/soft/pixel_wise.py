"""Pixel-wise distillation: KL divergence to a teacher's answer (Hinton et al., 2015)."""

from __future__ import annotations

from torch import Tensor


def pixel_wise(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """Mean over the pixels of KL(q || p), times T^2; q is the teacher's softmax, p the student's.

    Both are softened by T (Hinton et al., arXiv:1503.02531, section 2, where T^2 keeps the size of
    the gradients). As a loss of segmentation: Liu et al., CVPR 2019, equation 1, without T.

    Args:
        student: (B, C, H, W) logits.
        teacher: (B, C, H, W) logits, without gradient.
        temperature: T, above 0.
    """
    log_p = (student.float() / temperature).log_softmax(1)
    log_q = (teacher.detach().float() / temperature).log_softmax(1)
    return temperature**2 * (log_q.exp() * (log_q - log_p)).sum(1).mean()
