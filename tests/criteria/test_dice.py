import pytest

from dagen.criteria.base import create
from tests.criteria.drawn import C, draw, pixels


@pytest.mark.parametrize("smooth", [0.0, 1.0])
def test_it_is_one_minus_the_mean_of_the_classes_that_are_there(smooth: float) -> None:
    logits, label = draw()
    known = pixels(logits, label)
    scores = []
    for c in {c for _, c in known}:
        hit = sum(p[c] for p, k in known if k == c)
        mass = sum(p[c] for p, _ in known) + sum(k == c for _, k in known)
        scores.append((2 * hit + smooth) / (mass + smooth))
    found = create("dice", {"smooth": smooth}, C)(logits, label)
    assert float(found) == pytest.approx(1 - sum(scores) / len(scores))


def test_it_is_kornias_for_one_image() -> None:
    from kornia.losses import dice_loss

    logits, label = draw(shape=(1, C, 6, 7), known=True)
    found = create("dice", {}, C)(logits, label)
    wanted = dice_loss(logits, label, average="macro", eps=1e-12)
    assert float(found) == pytest.approx(float(wanted), rel=1e-6)
