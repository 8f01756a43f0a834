"""Features regressed on another network's features (Romero et al., ICLR 2015)."""

from __future__ import annotations

from torch import Tensor

from dagen.collective import var_mean

_LEAST = 1e-5
"""Added to variances: a channel that is constant in a batch says nothing."""


def standardised(x: Tensor) -> Tensor:
    """(B, D, h, w) float32, each channel with mean 0 and variance 1 over batch and places."""
    x = x.float()
    variance, mean = var_mean(x, (0, 2, 3))
    return (x - mean) * (variance + _LEAST).rsqrt()


def regression(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared error against features; 1 where the student knows nothing but their mean.

    FitNets' hint loss (equation 3) takes the sum; the mean over standardised channels has the same
    size for every network.

    Args:
        student: (B, D, h, w), already with the teacher's channels.
        teacher: (B, D, h, w), standardised, without gradient.
    """
    return (student.float() - teacher.detach()).square().mean()
