"""Every number beside a slow version of it, or where its value is known."""

import math

import numpy as np
import pytest

from dagen.errors import DataError
from dagen.visualization.distances import (
    a_distance,
    centroid_distance,
    knn_transfer,
    measure,
    silhouette,
)
from dagen.visualization.survey import Points

N = 240


def _domains(images: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Domain and image of N points, half of each domain."""
    image = np.arange(N) % images
    return (image >= images // 2).astype(np.uint8), image.astype(np.int64)


def _noise(seed: int = 0, channels: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(N, channels)).astype(np.float32)


def test_one_distribution_is_at_distance_zero() -> None:
    domain, image = _domains()
    found = [a_distance(_noise(seed), domain, image, 0) for seed in range(4)]
    assert min(found) == 0 and max(found) < 0.35


def test_separated_domains_are_at_distance_two() -> None:
    domain, image = _domains()
    assert a_distance(_noise() + 30 * domain[:, None], domain, image, 0) == 2


def test_a_known_error_gives_a_known_distance() -> None:
    domain, image = _domains()
    # One in four points of each domain lies among those of the other: e = 1/4, so 2 (1 - 1/2).
    stray = (np.arange(N) // 12) % 4 == 0
    place = np.where(stray, 1 - domain, domain)
    features = (10.0 * place)[:, None].astype(np.float32)
    assert a_distance(features, domain, image, 0) == pytest.approx(1.0)


def test_pixels_of_one_image_are_never_on_both_sides_of_a_fold() -> None:
    domain, image = _domains()
    # Every image has a direction of its own and nothing else: a classifier that has seen an
    # image knows its domain, one that has not knows nothing.
    own = np.eye(12, dtype=np.float32)[image]
    assert a_distance(own, domain, image, 0) == 0


def test_fewer_than_two_images_are_refused() -> None:
    domain, image = _domains(images=2)
    with pytest.raises(DataError, match="two or more images"):
        a_distance(_noise(), domain, image, 0)


def test_centroid_distance_by_hand() -> None:
    source = np.array([[0, 1], [0, -1]], np.float32)
    target = np.array([[3, 5], [3, 3]], np.float32)
    # Means (0, 0) and (3, 4), both with a root mean square distance of 1.
    assert centroid_distance(source, target) == pytest.approx(5)
    assert centroid_distance(7 * source, 7 * target) == pytest.approx(5)
    assert centroid_distance(source[:1], source[:1]) == 0
    assert centroid_distance(source[:1], target[:1]) == math.inf


def test_silhouette_is_that_of_the_definition() -> None:
    features, label = _noise(3)[:40], (np.arange(40) % 3).astype(np.uint8)
    features[label == 1] += 2
    values = []
    for i, x in enumerate(features):
        far = np.linalg.norm(features - x, axis=1)
        own = [j for j in range(40) if label[j] == label[i] and j != i]
        inner = far[own].mean()
        outer = min(far[label == other].mean() for other in range(3) if other != label[i])
        values.append((outer - inner) / max(outer, inner))
    assert silhouette(features, label) == pytest.approx(np.mean(values), abs=1e-5)
    assert math.isnan(silhouette(features, np.zeros(40, np.uint8)))


def test_label_transfer_is_the_vote_of_fifteen_neighbours() -> None:
    source, target = _noise(1), _noise(2)
    draw = np.random.default_rng(0)
    label, truth = draw.integers(0, 3, (2, N)).astype(np.uint8)
    source += label[:, None]
    target += truth[:, None] + 0.3
    right: dict[int, list[bool]] = {0: [], 1: [], 2: []}
    for x, class_ in zip(target, truth, strict=True):
        near = np.argsort(np.linalg.norm(source - x, axis=1))[:15]
        right[int(class_)].append(bool(np.bincount(label[near], minlength=3).argmax() == class_))
    expected = np.mean([np.mean(each) for each in right.values()])
    assert 0.4 < expected < 0.99
    assert knn_transfer(source, label, target, truth) == pytest.approx(expected)


def _points(label: np.ndarray) -> Points:
    domain, image = _domains()
    zero = np.zeros(N, np.float32)
    return Points(domain, image, zero, zero, label.astype(np.uint8))


def test_class_frequencies_do_not_change_a_distance() -> None:
    domain, _ = _domains()
    draw = np.random.default_rng(0)
    # Three of four are class 0 in the source, one of four in the target; a class has one place.
    label = (draw.random(N) < np.where(domain == 0, 0.25, 0.75)).astype(np.uint8)
    found = measure(_noise() + 9 * label[:, None], _points(label), ("background", "waste"), 0)
    assert found["a_distance"] < 0.35
    assert found["mmd"] < 0.05
    assert abs(found["silhouette_domain"]) < 0.05
    assert found["silhouette_class"] > 0.6
    assert found["knn_transfer"] == 1
    assert found["centroid"] < 0.3
    assert found["centroid"] == np.mean([found["centroid/background"], found["centroid/waste"]])


def test_domains_apart_show_in_every_number() -> None:
    domain, _ = _domains()
    label = np.random.default_rng(0).integers(0, 2, N)
    features = _noise() + 9 * label[:, None] * np.array([1, 0, 0, 0], np.float32)
    near = measure(features, _points(label), ("background", "waste"), 0)
    apart = features + 9 * domain[:, None] * np.array([0, 1, 0, 0], np.float32)
    far = measure(apart, _points(label), ("background", "waste"), 0)
    for name in ("a_distance", "mmd", "silhouette_domain", "centroid"):
        assert far[name] > 2 * abs(near[name]) + 0.1, name


def test_the_scale_of_a_network_changes_nothing() -> None:
    label = np.random.default_rng(0).integers(0, 2, N)
    classes = ("background", "waste")
    one = measure(_noise(), _points(label), classes, 0)
    ten = measure(8 * _noise() + 3, _points(label), classes, 0)
    assert ten == pytest.approx(one, abs=1e-3)
