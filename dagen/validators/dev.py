"""Deep embedded validation: source losses, weighted as the target is (You et al., ICML 2019).

A classifier tells source from target by the features of pixels. Its odds, times the ratio of
sample sizes, are the density ratio w(x) that weights each source pixel's loss l(x); the risk is
mean(w l) + eta mean(w) - eta with eta = -Cov(w l, w) / Var(w), a control variate that keeps the
variance down (algorithm 1). The score is the negated risk.

It applies only where the domains overlap in feature space. Where the classifier tells nearly all
pixels apart the density ratio is undefined, and where a few pixels carry all the weight the risk
depends on them alone; then it raises :class:`~dagen.validators.base.NotApplicable` and gives no
score. A sorting belt and a street are often that far apart.

Deviations: a sample is a pixel, 64 drawn uniformly from each image, and its loss the cross entropy,
most of which comes from background. The classifier is a logistic regression (the paper takes the
best of several networks), fitted on each half of the images and applied to the other; it is fitted
on source images that were not trained on, where the paper uses the training set, so that no further
image is forwarded.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dagen.types import IGNORE, Domain
from dagen.validators.base import Answer, Evidence, NotApplicable, Validator

_PIXELS = 64
"""Pixels drawn from each image."""
_SEPARATED = 0.99
"""Share of held-out pixels, mean of both domains, above which the domains do not overlap."""
_FEWEST = 30
"""Smallest number of source pixels that carry the weight (effective sample size, Kong, 1992)."""
Array = NDArray[np.float64]


class Dev(Validator):
    """Rewards a low loss on source pixels that look like the target."""

    paper = "You et al., ICML 2019"
    domains: ClassVar[frozenset[Domain]] = frozenset({"source", "target"})

    def score(self, evidence: Evidence) -> float:
        """The negated risk in nats.

        Raises:
            NotApplicable: too few images, or domains that do not overlap.
        """
        generator = evidence.generator("dev")
        source, target = evidence.source, evidence.target
        count, size = len(source.probability), source.probability.shape[-2:]
        at = torch.randint(size[0] * size[1], (count, _PIXELS), generator=generator)
        label = evidence.source_label.flatten(1).gather(1, at).flatten()
        known = label != IGNORE
        p = _pick(source.probability, at, size)[known].gather(1, label[known, None])[:, 0]
        loss = -p.double().clamp(min=1e-12).log()
        image = torch.arange(count).repeat_interleave(_PIXELS)[known]
        theirs = len(target.probability)
        there = torch.randint(size[0] * size[1], (theirs, _PIXELS), generator=generator)
        weight = density_ratio(
            _rows(source, at, size)[known.numpy()],
            image.numpy() % 2,
            _rows(target, there, size),
            torch.arange(theirs).repeat_interleave(_PIXELS).numpy() % 2,
        )
        return -risk(weight, loss.numpy())


def density_ratio(
    source: Array, source_half: NDArray[np.int64], target: Array, target_half: NDArray[np.int64]
) -> Array:
    """How much likelier each source sample is under the target, (N,).

    Args:
        source: (N, D) features.
        source_half: (N,) 0 or 1; each half's ratios come from a classifier of the other half.
        target: (M, D) features.
        target_half: (M,) 0 or 1.

    Raises:
        NotApplicable: a half is empty, or the classifier tells the domains apart.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    weight = np.zeros(len(source))
    right: list[float] = []
    for half in (0, 1):
        ours, theirs = source[source_half != half], target[target_half != half]
        held = source[source_half == half], target[target_half == half]
        if not all(len(rows) for rows in (ours, theirs, *held)):
            raise NotApplicable("it needs two images of each domain.")
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        classifier.fit(np.concatenate([ours, theirs]), np.repeat([0, 1], [len(ours), len(theirs)]))
        odds = np.exp(classifier.decision_function(held[0]))
        weight[source_half == half] = odds * len(ours) / len(theirs)
        right += [(classifier.predict(rows) == kind).mean() for kind, rows in enumerate(held)]
    told_apart = float(np.mean(right))
    carried = weight.sum() ** 2 / max(np.square(weight).sum(), np.finfo(np.float64).tiny)
    if told_apart > _SEPARATED or carried < _FEWEST:
        raise NotApplicable(
            f"source and target overlap too little: {100 * told_apart:.1f} % of the pixels can be "
            f"told apart and {carried:.0f} source pixels carry the weight."
        )
    return weight


def risk(weight: Array, loss: Array) -> float:
    """The weighted loss with its control variate (algorithm 1 of the paper).

    Args:
        weight: (N,) density ratios.
        loss: (N,) of the same samples.
    """
    weighted = weight * loss
    covariance = np.cov(weighted, weight)
    eta = -covariance[0, 1] / covariance[1, 1] if covariance[1, 1] > 0 else 0.0
    return float(weighted.mean() + eta * weight.mean() - eta)


def _pick(x: Tensor, at: Tensor, size: tuple[int, ...] | torch.Size) -> Tensor:
    """The columns of x (N, K, h, w) at pixels ``at`` (N, P) of images of ``size``, (N * P, K)."""
    rows, columns = at // size[1], at % size[1]
    place = rows * x.shape[2] // size[0] * x.shape[3] + columns * x.shape[3] // size[1]
    index = place[:, None].expand(-1, x.shape[1], -1)
    return x.flatten(2).gather(2, index).movedim(1, 2).flatten(0, 1)


def _rows(answer: Answer, at: Tensor, size: tuple[int, ...] | torch.Size) -> Array:
    picked: Array = _pick(answer.features, at, size).double().numpy()
    return picked
