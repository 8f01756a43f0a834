"""Distances between two domains in a network's feature space, as numbers.

All are computed on the features themselves, never on the map, and standardised for each network
separately. Measures of the domains use equally many points of every class from both (``matched``),
so that they do not measure differences in class frequency. On a target without labels there are
three of them, of the pixels as they come; there, they measure such differences too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from dagen.errors import DataError
from dagen.losses import mmd
from dagen.types import IGNORE
from dagen.visualization.embedding import Floats, standardised
from dagen.visualization.sampling import matched
from dagen.visualization.survey import Points

FOLDS = 5
NEIGHBOURS = 15
_MOST = 2000  # most points of each domain in a measure that needs all pairs


@dataclass(frozen=True)
class Figure:
    """How to read one number: its title, which direction is better, and its meaning."""

    title: str
    better: str
    says: str


FIGURES: dict[str, Figure] = {
    "a_distance": Figure(
        "proxy A-distance", "lower", "0: no line separates the domains, 2: one separates them fully"
    ),
    "mmd": Figure("MMD²", "lower", "0: both domains have one distribution"),
    "silhouette_domain": Figure("silhouette by domain", "lower", "near 0: the domains overlap"),
    "silhouette_class": Figure("silhouette by class", "higher", "1: classes are clusters"),
    "knn_transfer": Figure(
        "k-NN label transfer",
        "higher",
        "balanced accuracy of the nearest source points' labels on the target",
    ),
    "centroid": Figure(
        "centroid distance",
        "lower",
        "between a class's centres in both domains, in units of its spread",
    ),
}
"""The numbers, by the name that :func:`measure` gives them."""


def measure(
    features: Floats, points: Points, classes: tuple[str, ...], seed: int
) -> dict[str, float]:
    """Measure all numbers of one network.

    Args:
        features: (P, D) at the points.
        points: domain, image and class of the points.
        classes: class names by id.
        seed: seed of folds and subsets.

    Returns:
        The numbers by the names of :data:`FIGURES`; ``centroid/<class>`` for every class that both
        domains have, and ``centroid`` for their mean. Without target labels only those of the
        domains.

    Raises:
        DataError: a domain whose matched points come from fewer than two images.
    """
    x = standardised(features)
    if bool((points.label[points.domain == 1] == IGNORE).all()):
        kept = matched(points.domain, np.zeros_like(points.label))
        return _of_domains(x[kept], points.domain[kept], points.picture[kept], seed)
    kept = matched(points.domain, points.label)
    both, domain = x[kept], points.domain[kept]
    source, target = points.domain == 0, points.domain == 1
    centroids = {
        f"centroid/{classes[class_]}": centroid_distance(
            x[source & (points.label == class_)], x[target & (points.label == class_)]
        )
        for class_ in np.unique(points.label[kept]).tolist()
    }
    few = _subset(domain, seed)
    return {
        **_of_domains(both, domain, points.picture[kept], seed),
        "silhouette_class": silhouette(both[few], points.label[kept][few]),
        "knn_transfer": knn_transfer(
            x[source], points.label[source], x[target], points.label[target]
        ),
        "centroid": float(np.mean(list(centroids.values()))) if centroids else math.nan,
        **centroids,
    }


def _of_domains(
    features: Floats, domain: NDArray[np.uint8], image: NDArray[np.int64], seed: int
) -> dict[str, float]:
    """The numbers that need no class; see :func:`a_distance` for the arguments."""
    few = _subset(domain, seed)
    return {
        "a_distance": a_distance(features, domain, image, seed),
        "mmd": float(
            mmd(
                torch.from_numpy(features[few & (domain == 0)]),
                torch.from_numpy(features[few & (domain == 1)]),
            )
        ),
        "silhouette_domain": silhouette(features[few], domain[few]),
    }


def a_distance(
    features: Floats, domain: NDArray[np.uint8], image: NDArray[np.int64], seed: int
) -> float:
    """The proxy A-distance 2 (1 - 2 e) of a linear classifier with error e.

    Ben-David et al., "Analysis of Representations for Domain Adaptation" (NIPS 2006).
    Here the classifier is logistic regression, e its balanced error by five-fold
    cross-validation, and pixels of one image are never on both sides of a fold, because they are
    too similar. An error above one half counts as one half.

    Args:
        features: (N, D).
        domain: (N,) 0 or 1.
        image: (N,) index of each point's image.
        seed: seed of the folds.

    Returns:
        From 0 (no line separates the domains) to 2.

    Raises:
        DataError: a domain with fewer than two images.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    images = [len(np.unique(image[domain == d])) for d in (0, 1)]
    folds = min(FOLDS, *images)
    if folds < 2:
        raise DataError(
            "the distance of two domains needs two or more images of each, with labels of the same "
            f"classes if there are any; there are {images[0]} source and {images[1]} target images."
        )
    split = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    # In double precision: the solver then stops at the optimum, not at the noise of float32.
    answer = cross_val_predict(
        LogisticRegression(max_iter=2000), features.astype(np.float64), domain, groups=image,
        cv=split,
    )  # fmt: skip
    error = 1 - balanced_accuracy_score(domain, answer)
    return float(2 * max(0.0, 1 - 2 * error))


def centroid_distance(source: Floats, target: Floats) -> float:
    """Distance of two means over the root mean square distance of points to their own mean.

    Dimensionless, so that networks with features of different scale can be compared; infinite if
    neither domain has any spread and the means differ.
    """
    means = source.mean(0), target.mean(0)
    gap = float(np.linalg.norm(means[0] - means[1]))
    squares = [((x - m) ** 2).sum(1) for x, m in zip((source, target), means, strict=True)]
    spread = math.sqrt((squares[0].mean() + squares[1].mean()) / 2)
    return gap / spread if spread else (math.inf if gap else 0.0)


def silhouette(features: Floats, label: NDArray[np.uint8]) -> float:
    """Mean silhouette (Rousseeuw 1987), -1 to 1; NaN if there is only one label."""
    from sklearn.metrics import silhouette_score

    if not 2 <= len(np.unique(label)) < len(label):
        return math.nan
    return float(silhouette_score(features, label))


def knn_transfer(
    source: Floats,
    source_label: NDArray[np.uint8],
    target: Floats,
    target_label: NDArray[np.uint8],
) -> float:
    """Balanced accuracy, 0 to 1, of source labels on the target points nearest to them."""
    from sklearn.metrics import recall_score
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(min(NEIGHBOURS, len(source)))
    answer = model.fit(source, source_label).predict(target)
    return float(
        recall_score(
            target_label, answer, labels=np.unique(target_label), average="macro", zero_division=0
        )
    )


def _subset(domain: NDArray[np.uint8], seed: int) -> NDArray[np.bool_]:
    """At most 2,000 points of each domain, as a mask."""
    draw = np.random.default_rng(seed)
    kept = np.zeros(len(domain), bool)
    for d in (0, 1):
        points = draw.permutation(np.flatnonzero(domain == d))
        kept[points[:_MOST]] = True
    return kept
