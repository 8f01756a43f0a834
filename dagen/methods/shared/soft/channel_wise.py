"""Channel-wise distillation over space (Shu et al., ICCV 2021)."""

from __future__ import annotations

from torch import Tensor

_OUT = -1e4
"""Activation of a pixel that does not count."""


def channel_wise(
    student: Tensor,
    teacher: Tensor,
    temperature: float = 4.0,
    valid: Tensor | None = None,
    image_weight: Tensor | None = None,
) -> Tensor:
    """KL divergence between two distributions over the pixels of each channel, times T^2.

    A softmax over space says where a channel is active, whatever its scale. The mean over images
    and channels follows the authors' code; their weight is 3 for logits and 50 for features.

    Args:
        student: (B, C, H, W) activations, such as logits.
        teacher: (B, C, H, W) activations, without gradient.
        temperature: T (authors: 4); higher spreads the distributions.
        valid: (B, H, W) bool; False leaves a pixel out.
        image_weight: (B,) factor of each image.
    """
    ours, theirs = (x.float().flatten(2) / temperature for x in (student, teacher.detach()))
    if valid is not None:
        left_out = ~valid.flatten(1)[:, None]
        ours, theirs = ours.masked_fill(left_out, _OUT), theirs.masked_fill(left_out, _OUT)
    log_p, log_q = ours.log_softmax(2), theirs.log_softmax(2)
    each = (log_q.exp() * (log_q - log_p)).sum(2).mean(1)
    if image_weight is not None:
        each = each * image_weight
    return temperature**2 * each.mean()
