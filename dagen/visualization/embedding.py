"""One UMAP of the features of several networks, so that they share its axes.

McInnes, Healy and Melville, "UMAP: Uniform Manifold Approximation and Projection for Dimension
Reduction" (2018, arXiv 1802.03426), in the authors' own package.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from dagen.errors import UsageError

Floats = NDArray[np.float32]

NEIGHBOURS = 30
_MIN_DIST = 0.1
_MOST_CHANNELS = 50
_EPOCHS = 200  # UMAP's default above 10,000 points; its 500 for fewer changes little


def joint_map(
    features: Sequence[Floats],
    seed: int,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Floats:
    """Map the points of all networks to one plane.

    Each network's features are standardised separately, over both domains together: this removes
    the scale of a network's features and keeps the distance between its domains. More than 50
    channels are first reduced to their 50 principal components, which are common to all networks.

    Args:
        features: (P, D) of each of K networks at the same points.
        seed: seed of UMAP, which then runs in one thread and repeats the map on the same machine.
        on_progress: called with the finished share of the layout, 0 to 1.

    Returns:
        (K, P, 2) float32.

    Raises:
        UsageError: networks whose features differ in size, or fewer than five points in all.
    """
    import umap
    from sklearn.neighbors import NearestNeighbors

    require_one_size([each.shape[1] for each in features])
    rows = np.concatenate([standardised(each) for each in features])
    if len(rows) < 5:
        raise UsageError(
            f"a map needs five points or more, but there are {len(rows)}; raise --points."
        )
    rows = _reduced(rows, seed)
    # Exact, and several times faster here than UMAP's own approximate search, which runs in one
    # thread if there is a seed.
    count = min(NEIGHBOURS, len(rows) - 1)
    far, who = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(rows).kneighbors(rows)
    model = umap.UMAP(
        n_neighbors=count,
        min_dist=_MIN_DIST,
        n_epochs=_EPOCHS,
        random_state=seed,
        n_jobs=1,  # a seed forces this anyway, with a warning
        init="pca",  # with separate groups of points, the spectral start is arbitrary
        precomputed_knn=(who, far, None),
        tqdm_kwds={"file": _Epochs(on_progress), "bar_format": "{n} {total}", "disable": False},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        placed: Floats = model.fit_transform(rows)
    return lying(placed).reshape(len(features), -1, 2)


def require_one_size(channels: Sequence[int]) -> None:
    """Refuse networks whose features cannot share a map.

    Raises:
        UsageError: they differ in their number of channels.
    """
    if len(set(channels)) > 1:
        raise UsageError(
            "one map needs features of one size; these networks have "
            f"{', '.join(map(str, channels))} channels. Give networks of one kind and width."
        )


def lying(places: Floats) -> Floats:
    """The map (N, 2) rotated so that its longest extent is horizontal; distances do not change.

    UMAP's axes have no meaning. The skew of the points decides which end is on the left.
    """
    centred = places - places.mean(0)
    turned = centred @ np.linalg.svd(centred, full_matrices=False)[2].T
    signs = np.where((turned**3).sum(0) < 0, -1, 1)
    lain: Floats = np.asarray(turned * signs, np.float32)
    return lain


def standardised(features: Floats) -> Floats:
    """Every channel with mean 0 and standard deviation 1; a constant channel becomes 0."""
    spread = features.std(0)
    scaled: Floats = (features - features.mean(0)) / np.where(spread > 0, spread, 1)
    return scaled


def _reduced(rows: Floats, seed: int) -> Floats:
    if rows.shape[1] <= _MOST_CHANNELS or len(rows) <= _MOST_CHANNELS:
        return rows
    from sklearn.decomposition import PCA

    reduced: Floats = PCA(_MOST_CHANNELS, random_state=seed).fit_transform(rows)
    return reduced


class _Epochs(io.StringIO):
    """A stream for UMAP's progress bar, which is its only way to report progress."""

    def __init__(self, on_progress: Callable[[float], None]) -> None:
        super().__init__()
        self._on_progress = on_progress
        self._last = ""

    def write(self, text: str) -> int:
        numbers = text.split()
        if len(numbers) == 2 and all(map(str.isdecimal, numbers)) and text.strip() != self._last:
            self._last = text.strip()
            self._on_progress(int(numbers[0]) / int(numbers[1]))
        return len(text)
