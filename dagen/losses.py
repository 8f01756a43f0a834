"""Loss functions: pure, in float32, one scalar each.

``logits`` are raw scores and ``p`` probabilities, both (B, C, h, w) float; ``label`` is (B, H, W)
int64 where 255 is ignored.

Supervised losses bring the logits to the label's size (bilinear, as scoring does) and not the
label to the logits' size: at stride 8 a nearest-neighbour label keeps one pixel of 64, and half
of TACO's litter covers less than three such cells at 224x448. Training and scoring thus see the
same pixels, at 3 % of BiSeNet's time per step (measured on a CPU). Losses without labels work at
the logits' own stride.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from dagen import collective
from dagen.collective import divisor, total
from dagen.types import IGNORE


def cross_entropy(
    logits: Tensor,
    label: Tensor,
    weight: Tensor | None = None,
    pixel_weight: Tensor | None = None,
) -> Tensor:
    """Mean of -log p[label] over the pixels that are not ignored; 0 if all are.

    Args:
        logits: (B, C, h, w).
        label: (B, H, W).
        weight: (C,) weight of each class; the mean is then a weighted mean.
        pixel_weight: factor of each pixel's loss, broadcast to (B, H, W). The divisor stays the
            number of pixels, so that half the weight is half the loss.
    """
    logits = _fit(logits, label)
    weight = None if weight is None else weight.to(logits.dtype)
    # 'none' and then a sum, because the reduced CUDA kernel is not deterministic.
    each = F.cross_entropy(logits, label, weight, ignore_index=IGNORE, reduction="none")
    if pixel_weight is not None:
        each = each * pixel_weight
    valid = label != IGNORE
    if weight is None:
        return each.sum() / divisor(valid.sum())
    mass = weight[label.where(valid, 0)] * valid
    return each.sum() / divisor(mass.sum(), torch.finfo(mass.dtype).tiny)


def focal(
    logits: Tensor, label: Tensor, gamma: float = 2.0, weight: Tensor | None = None
) -> Tensor:
    """Focal loss, mean of -(1 - p)^gamma log p with p = p[label] (Lin et al., ICCV 2017).

    Args:
        logits: (B, C, h, w).
        label: (B, H, W).
        gamma: 0 is cross-entropy; the paper's best is 2.
        weight: (C,) factor of each class (the paper's alpha); the divisor stays the number of
            pixels that are not ignored.
    """
    valid = label != IGNORE
    known = label.where(valid, 0)
    log_p = _fit(logits, label).log_softmax(1).gather(1, known[:, None])[:, 0]
    # The floor keeps the gradient finite for gamma below 1 where p rounds to 1.
    each = -((1 - log_p.exp()).clamp(min=1e-12) ** gamma) * log_p * valid
    if weight is not None:
        each = each * weight[known]
    return each.sum() / divisor(valid.sum())


def lovasz_softmax(logits: Tensor, label: Tensor) -> Tensor:
    """Lovász extension of the Jaccard loss over the batch (Berman et al., CVPR 2018).

    The mean is taken over the classes that are present in ``label``; 0 if everything is ignored.

    Args:
        logits: (B, C, h, w).
        label: (B, H, W).
    """
    p = _fit(logits, label).softmax(1).movedim(1, -1)
    valid = label != IGNORE
    p, known = p[valid], label[valid]
    terms = []
    for c in range(p.shape[1]):
        truth = (known == c).to(p.dtype)
        if not truth.any():
            continue
        errors, order = (truth - p[:, c]).abs().sort(descending=True)
        terms.append((errors * _jaccard_steps(truth[order])).sum())
    return torch.stack(terms).mean() if terms else logits.sum() * 0.0


def tversky(
    logits: Tensor, label: Tensor, alpha: float, beta: float, smooth: float = 0.0
) -> Tensor:
    """One minus the soft Tversky index over the batch (Salehi et al., MLMI 2017).

    The mean over the classes that are present in ``label``; 0 if everything is ignored.

    Args:
        logits: (B, C, h, w).
        label: (B, H, W).
        alpha: weight of false positives.
        beta: weight of false negatives; with 0.5 for both this is the Dice loss.
        smooth: pixels added above and below the fraction.
    """
    p = _fit(logits, label).softmax(1).movedim(1, -1)
    valid = label != IGNORE
    p, known = p[valid], label[valid]
    truth = F.one_hot(known, p.shape[1]).to(p.dtype)
    hit, labelled = total((p * truth).sum(0)), total(truth.sum(0))
    false_positives, false_negatives = total(p.sum(0)) - hit, labelled - hit
    index = (hit + smooth) / (
        hit + alpha * false_positives + beta * false_negatives + smooth
    ).clamp(min=torch.finfo(p.dtype).tiny)
    present = labelled > 0
    return (1 - index)[present].mean() if present.any() else logits.sum() * 0.0


def _jaccard_steps(truth: Tensor) -> Tensor:
    """Growth of the Jaccard loss as pixels, sorted by error, become mistakes one by one."""
    missed = truth.cumsum(0)
    intersection = truth.sum() - missed
    union = truth.sum() + (1 - truth).cumsum(0)
    jaccard = 1 - intersection / union
    return jaccard.diff(prepend=jaccard.new_zeros(1))


def self_information(p: Tensor) -> Tensor:
    """-p log p / log C for each class (Vu et al., CVPR 2019), (B, C, h, w) in [0, 1].

    Summed over the classes this is the entropy of a pixel, in [0, 1]. 1e-30 in the logarithm,
    as in the authors' code, keeps the gradient finite at p = 0.
    """
    p = p.float()
    return -p * (p + 1e-30).log() / math.log(p.shape[1])


def entropy(p: Tensor) -> Tensor:
    """Mean over the pixels of their entropy over log C, in [0, 1] (Vu et al., CVPR 2019).

    The paper takes the sum; the mean follows the authors' code, for which their weight was chosen.
    """
    return self_information(p).sum(1).mean()


def max_square(p: Tensor, *, image_weighted: bool = False, alpha: float = 0.2) -> Tensor:
    """Maximum squares loss (Chen et al., ICCV 2019); its minimum is -1/(2C).

    The mean of -p^2 / 2 over pixels and classes. Image-wise weighted, a pixel of predicted class
    c has the weight 1 / (N_c^alpha N^(1 - alpha)) in place of 1 / N, where N_c of the N pixels
    of its image are predicted as c. The paper sums over the classes; the mean over the classes
    follows the authors' code, for which their weight of 0.1 was chosen. Their code lacks the 1/2 in
    the weighted form; here both forms have it, as in the paper.

    Args:
        p: (B, C, h, w).
        image_weighted: whether rare classes count more.
        alpha: 0 is the plain loss, 1 gives every predicted class the same share.
    """
    p = p.float()
    squares = p.square().mean(1)
    if not image_weighted:
        return -squares.mean() / 2
    predicted = p.argmax(1).flatten(1)
    counts = F.one_hot(predicted, p.shape[1]).sum(1)
    n_c = counts.gather(1, predicted).to(p.dtype)
    weight: Tensor = 1 / (n_c.pow(alpha) * predicted.shape[1] ** (1 - alpha))
    return -(squares.flatten(1) * weight).sum(1).mean() / 2


def information_maximisation(
    p: Tensor, prior: Tensor | None = None, diversity: float = 1.0
) -> Tensor:
    """Mean entropy minus the entropy of the mean (Liang et al., ICML 2020), both over log C.

    Args:
        p: (B, C, h, w).
        prior: (C,) class shares that the mean prediction should have. None is the paper's choice,
            all classes equal. With a prior the second term is the divergence KL(mean || prior),
            which differs from the paper's by a constant when the prior is uniform.
        diversity: weight of the second term.
    """
    share = collective.part(p[:, 0].numel(), p)
    mean = collective.mean(p.float().mean((0, 2, 3)) * share)
    balance = -self_information(mean[None]).sum()
    if prior is not None:
        balance = balance - (mean * prior.clamp(min=1e-6).log()).sum() / math.log(p.shape[1])
    return entropy(p) * share + diversity * balance


def coral(source: Tensor, target: Tensor) -> Tensor:
    """Squared Frobenius distance of two covariances over 4 d^2 (Sun & Saenko, 2016).

    Args:
        source: (N, D) features.
        target: (M, D) features.
    """
    with torch.autocast(source.device.type, enabled=False):  # bfloat16 would drown the difference
        gap: Tensor = _covariance(source.float()) - _covariance(target.float())
    distance: Tensor = gap.square().sum()
    return distance / (4 * source.shape[1] ** 2)


def _covariance(rows: Tensor) -> Tensor:
    """(D, D) of (N, D) rows, and of those of all processes."""
    if collective.size() == 1:
        return rows.T.cov()
    _, mean = collective.var_mean(rows, (0,))
    return total((rows - mean).T @ (rows - mean)) / (collective.size() * len(rows) - 1)


def mmd(
    source: Tensor, target: Tensor, scales: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0)
) -> Tensor:
    """Squared maximum mean discrepancy with a mean of Gaussian kernels (Long et al., ICML 2015).

    The biased estimate (Gretton et al., JMLR 2012), which is never negative. The kernels
    are ``exp(-|x - y|^2 / (s m))`` with m the mean squared distance of all pairs, held constant;
    they have equal weights, where the paper finds weights by quadratic programming.

    Args:
        source: (N, D) features.
        target: (M, D) features; time and memory grow with (N + M)^2.
        scales: bandwidth of each kernel relative to m.
    """
    both = torch.cat([source, target]).float()
    both = both - both.mean(0)  # smaller norms lose fewer digits below
    norms = both.square().sum(1)
    with torch.autocast(both.device.type, enabled=False):
        squared = (norms[:, None] + norms - 2 * both @ both.T).clamp(min=0)
    mean = squared.detach().mean().clamp(min=torch.finfo(squared.dtype).tiny)
    kernel = torch.stack([(-squared / (scale * mean)).exp() for scale in scales]).mean(0)
    n = len(source)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()


def _fit(logits: Tensor, label: Tensor) -> Tensor:
    """Logits at the label's size, float32 unless they are float64."""
    logits = logits if logits.dtype == torch.float64 else logits.float()
    size = (label.shape[-2], label.shape[-1])
    if logits.shape[-2:] == size:
        return logits
    return F.interpolate(logits, size=size, mode="bilinear", align_corners=False)
