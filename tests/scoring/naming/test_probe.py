import numpy as np
import pytest
from numpy.typing import NDArray

from dagen.errors import DataError
from dagen.scoring.naming.probe import Probe, fit


def domain(
    rng: np.random.Generator, count: int, classes: int, shift: float, scale: float
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Classes around corners of a cube; every domain has its own place and scale."""
    names = np.arange(count) % classes
    corners = 3 * np.eye(6)[:classes]
    found = corners[names] + rng.normal(0, 0.7, (count, 6))
    moved = scale * found + shift * np.arange(6)
    return moved.astype(np.float32), names.astype(np.intp)


def test_a_shift_of_the_whole_domain_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    source, names = domain(rng, 200, 4, 0, 1)
    target, truth = domain(rng, 60, 4, shift=40, scale=5)
    probe = fit(source, names, target, 4, 1e-2)
    p = probe(target)
    assert np.allclose(p.sum(1), 1) and (p.argmax(1) == truth).mean() > 0.95
    blind = fit(source, names, source, 4, 1e-2)  # the source's statistics
    assert (blind(target).argmax(1) == truth).mean() < 0.6


@pytest.mark.parametrize("classes", [2, 4])
def test_it_answers_as_scikit_learn_does(classes: int) -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(1)
    source, names = domain(rng, 120, classes, 2, 3)
    probe = fit(source, names, source, classes, 1e-2)
    z = (source - source.mean(0)) / source.std(0)
    wanted = LogisticRegression(C=1e-2, class_weight="balanced", max_iter=1000).fit(z, names)
    assert np.allclose(probe(source), wanted.predict_proba(z), atol=1e-4)


def test_a_class_that_the_source_lacks_gets_nothing() -> None:
    rng = np.random.default_rng(2)
    source, names = domain(rng, 90, 3, 0, 1)
    probe = fit(source, names + (names > 0), source, 5, 1e-2)  # classes 0, 2 and 3 of 5
    p = probe(source)
    assert p.shape == (90, 5) and not p[:, [1, 4]].any() and np.allclose(p.sum(1), 1)


def test_it_is_kept_as_one_array() -> None:
    source, names = domain(np.random.default_rng(3), 40, 4, 0, 1)
    probe = fit(source, names, source, 5, 1e-2)
    again = Probe.unpacked(probe.packed())
    assert np.array_equal(again(source), probe(source))
    flat = np.column_stack([source, np.ones(40, np.float32)])  # a feature that says nothing
    assert np.isfinite(fit(flat, names, flat, 4, 1e-2)(flat)).all()


def test_too_little_to_learn_from_is_one_line() -> None:
    source, names = domain(np.random.default_rng(4), 20, 4, 0, 1)
    with pytest.raises(DataError, match=r"objects of 1 class\(es\)"):
        fit(source, np.zeros(20, np.intp), source, 4, 1e-2)
    with pytest.raises(DataError, match=r"finds 1 region\(s\)"):
        fit(source, names, source[:1], 4, 1e-2)
