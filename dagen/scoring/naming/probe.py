"""A linear probe: class probabilities of regions from their features, across two domains.

Features of the belt and of the street lie apart: a probe that is learnt on the one knows little of
the other. Each domain is therefore standardised by its own statistics first (the simplest member of
the family of Sun et al., AAAI 2016). Those of the target come from its regions without labels.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagen.errors import DataError
from dagen.scoring.naming.features import Vectors

_FLAT = 1e-3
"""Least standard deviation, as a share of the mean one: a feature that is constant says nothing."""


@dataclass(frozen=True)
class Probe:
    """Multinomial logistic regression on features of the target.

    Attributes:
        mean: (D,) mean of the target's features.
        spread: (D,) their standard deviation.
        weight: (D, C).
        bias: (C,); -inf for a class that the source does not have.
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    def __call__(self, features: Vectors) -> NDArray[np.float64]:
        """(N, C) class probabilities of N regions of the target."""
        scores = (features - self.mean) / self.spread @ self.weight + self.bias
        grown = np.exp(scores - scores.max(1, keepdims=True))
        return np.asarray(grown / grown.sum(1, keepdims=True))

    def packed(self) -> NDArray[np.float64]:
        """All numbers as one array, (2 + C, D + 1)."""
        rows = np.stack([self.mean, self.spread, *self.weight.T])
        return np.column_stack([rows, [0.0, 0.0, *self.bias]])

    @classmethod
    def unpacked(cls, packed: NDArray[np.float64]) -> Probe:
        """The probe whose :meth:`packed` numbers these are."""
        body = packed[:, :-1]
        return cls(body[0], body[1], np.asarray(body[2:].T), packed[2:, -1])


def fit(
    source: Vectors, classes: NDArray[np.intp], target: Vectors, count: int, strength: float
) -> Probe:
    """Learn the source's classes.

    Args:
        source: features of the source's regions, (N, D).
        classes: (N,) their classes, below ``count``.
        target: features of the target's regions, (M, D); their statistics alone are used.
        count: number of classes C.
        strength: inverse of the L2 regularisation, scikit-learn's C; classes weigh alike.

    Raises:
        DataError: the source's regions are of one class, or the target has less than two.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    present = np.unique(classes)
    if len(present) < 2:
        raise DataError(
            f"the source's labels show objects of {len(present)} class(es), and regions are named "
            "by what tells classes apart: at least two are needed."
        )
    if len(target) < 2:
        raise DataError(
            f"the teacher finds {len(target)} region(s) in the target's training images; naming "
            "them takes two at least: try another teacher."
        )
    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model.fit((source - source.mean(0)) / _spread(source), classes)
    weight, bias = model.coef_, model.intercept_
    if len(present) == 2:  # scikit-learn keeps the second class's log-odds alone
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    all_weight, all_bias = np.zeros((count, source.shape[1])), np.full(count, -np.inf)
    all_weight[present], all_bias[present] = weight, bias
    mean = target.mean(0, dtype=np.float64)
    return Probe(mean, _spread(target), all_weight.T, all_bias)


def _spread(features: Vectors) -> NDArray[np.float64]:
    spread = features.std(0, dtype=np.float64)
    least = _FLAT * spread.mean() + np.finfo(np.float32).tiny
    return np.asarray(np.maximum(spread, least), np.float64)
