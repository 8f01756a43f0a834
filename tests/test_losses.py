"""Every loss against a slow version that follows the paper's formula pixel by pixel."""

import math

import pytest
import torch
from torch import Tensor

from dagen import losses
from dagen.types import IGNORE

C = 4


def draw(seed: int = 0, shape: tuple[int, ...] = (2, C, 3, 5)) -> tuple[Tensor, Tensor]:
    """Logits and a label of the same size with ignored pixels; class 3 is absent."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(shape, generator=generator) * 2
    label = torch.randint(0, 3, (shape[0], *shape[2:]), generator=generator)
    label[:, 0, :2] = IGNORE
    return logits, label


def pixels(logits: Tensor, label: Tensor) -> list[tuple[list[float], int]]:
    """(probabilities, class) of every pixel that counts, in double precision."""
    found = []
    for b in range(len(label)):
        for y in range(label.shape[1]):
            for x in range(label.shape[2]):
                if label[b, y, x] != IGNORE:
                    powers = [math.exp(v) for v in logits[b, :, y, x].double().tolist()]
                    found.append(([v / sum(powers) for v in powers], int(label[b, y, x])))
    return found


def test_cross_entropy_is_the_mean_over_known_pixels() -> None:
    logits, label = draw()
    terms = [-math.log(p[c]) for p, c in pixels(logits, label)]
    assert float(losses.cross_entropy(logits, label)) == pytest.approx(sum(terms) / len(terms))


def test_cross_entropy_with_class_weights_is_a_weighted_mean() -> None:
    logits, label = draw()
    weight = [0.5, 2.0, 3.0, 7.0]
    known = pixels(logits, label)
    wanted = sum(-weight[c] * math.log(p[c]) for p, c in known) / sum(weight[c] for _, c in known)
    found = losses.cross_entropy(logits, label, torch.tensor(weight))
    assert float(found) == pytest.approx(wanted)


def test_half_the_pixel_weight_is_half_the_cross_entropy() -> None:
    logits, label = draw()
    halved = losses.cross_entropy(logits, label, pixel_weight=torch.full(label.shape, 0.5))
    assert float(halved) == pytest.approx(0.5 * float(losses.cross_entropy(logits, label)))
    left = torch.zeros(label.shape)
    left[:, :, :2] = 1.0
    terms = [-math.log(p[c]) for p, c in pixels(logits[..., :2], label[..., :2])]
    found = losses.cross_entropy(logits, label, pixel_weight=left)
    assert float(found) == pytest.approx(sum(terms) / len(pixels(logits, label)))


def test_logits_are_resized_to_the_label_so_that_one_pixel_counts() -> None:
    logits = torch.zeros(1, 2, 4, 4)
    label = torch.zeros(1, 32, 32, dtype=torch.int64)
    plain = losses.cross_entropy(logits, label)
    logits[0, 0] = 3.0
    background = losses.cross_entropy(logits, label)
    label[0, 5, 6] = 1  # smaller than a cell of the logits
    assert plain == pytest.approx(math.log(2))
    grown = float(losses.cross_entropy(logits, label) - background)
    assert grown == pytest.approx(3.0 / 32**2, rel=1e-4)


def test_bilinear_resize_interpolates_between_cells() -> None:
    logits = torch.tensor([[[[0.0, 4.0]], [[0.0, 0.0]]]])
    label = torch.zeros(1, 1, 4, dtype=torch.int64)
    values = [0.0, 1.0, 3.0, 4.0]  # half-pixel centres, corners not aligned
    wanted = sum(math.log(1 + math.exp(-v)) for v in values) / 4
    assert float(losses.cross_entropy(logits, label)) == pytest.approx(wanted)


@pytest.mark.parametrize(
    "loss",
    [
        losses.cross_entropy,
        lambda x, y: losses.cross_entropy(x, y, torch.ones(C)),
        losses.focal,
        losses.lovasz_softmax,
    ],
    ids=["cross_entropy", "weighted", "focal", "lovasz"],
)
def test_nothing_known_is_zero_with_a_gradient_of_zero(loss: object) -> None:
    logits = torch.randn(1, C, 4, 4).requires_grad_()
    value = loss(logits, torch.full((1, 8, 8), IGNORE))  # type: ignore[operator]
    value.backward()
    assert float(value.detach()) == 0.0
    assert logits.grad is not None and logits.grad.abs().max() == 0


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal(gamma: float) -> None:
    logits, label = draw()
    terms = [-((1 - p[c]) ** gamma) * math.log(p[c]) for p, c in pixels(logits, label)]
    found = losses.focal(logits, label, gamma)
    assert float(found) == pytest.approx(sum(terms) / len(terms), rel=1e-5)


def test_focal_with_class_factors_and_certain_pixels() -> None:
    logits, label = draw()
    factor = [0.5, 2.0, 3.0, 7.0]
    terms = [-factor[c] * (1 - p[c]) ** 2 * math.log(p[c]) for p, c in pixels(logits, label)]
    found = losses.focal(logits, label, weight=torch.tensor(factor))
    assert float(found) == pytest.approx(sum(terms) / len(terms), rel=1e-5)
    certain = torch.tensor([[[[200.0]], [[0.0]]]]).requires_grad_()
    losses.focal(certain, torch.zeros(1, 1, 1, dtype=torch.int64), 0.5).backward()
    assert certain.grad is not None and certain.grad.isfinite().all()


def slow_lovasz(logits: Tensor, label: Tensor) -> float:
    """The Lovász extension by its definition: errors weigh the steps of the set function."""
    known = pixels(logits, label)
    losses_of_classes = []
    for c in range(C):
        truth = {i for i, (_, y) in enumerate(known) if y == c}
        if not truth:
            continue
        error = [1 - p[c] if i in truth else p[c] for i, (p, _) in enumerate(known)]
        order = sorted(range(len(known)), key=lambda i: -error[i])
        total, before, wrong = 0.0, 0.0, set()
        for i in order:
            wrong.add(i)
            predicted = (truth - wrong) | (wrong - truth)
            jaccard = 1 - len(truth & predicted) / len(truth | predicted)
            total += error[i] * (jaccard - before)
            before = jaccard
        losses_of_classes.append(total)
    return sum(losses_of_classes) / len(losses_of_classes)


@pytest.mark.parametrize("seed", range(3))
def test_lovasz_softmax(seed: int) -> None:
    logits, label = draw(seed)
    found = losses.lovasz_softmax(logits, label)
    assert float(found) == pytest.approx(slow_lovasz(logits, label), rel=1e-4)


def test_lovasz_of_a_hard_prediction_is_the_jaccard_loss() -> None:
    label = torch.tensor([[[0, 0, 1, 1]]])
    logits = torch.tensor([[[[50.0, 50.0, 50.0, -50.0]], [[-50.0, -50.0, -50.0, 50.0]]]])
    wanted = ((1 - 2 / 3) + (1 - 1 / 2)) / 2
    assert float(losses.lovasz_softmax(logits, label)) == pytest.approx(wanted)


def everywhere(logits: Tensor) -> list[list[float]]:
    zeros = torch.zeros(len(logits), *logits.shape[2:], dtype=torch.int64)
    return [p for p, _ in pixels(logits, zeros)]


def test_self_information_and_entropy() -> None:
    logits, _ = draw()
    p = logits.softmax(1)
    found = losses.self_information(p)
    assert float(found[1, 2, 1, 3]) == pytest.approx(
        -float(p[1, 2, 1, 3]) * math.log(float(p[1, 2, 1, 3])) / math.log(C)
    )
    terms = [sum(-v * math.log(v) for v in p) / math.log(C) for p in everywhere(logits)]
    assert float(losses.entropy(p)) == pytest.approx(sum(terms) / len(terms), rel=1e-5)
    assert float(losses.entropy(torch.full((1, C, 2, 2), 1 / C))) == pytest.approx(1.0)


def test_entropy_of_a_certain_pixel_is_zero_and_has_a_gradient() -> None:
    logits = torch.tensor([[[[300.0]], [[-300.0]]]]).requires_grad_()
    value = losses.entropy(logits.softmax(1))
    value.backward()
    assert float(value.detach()) == 0.0
    assert logits.grad is not None and logits.grad.isfinite().all()


def test_max_square() -> None:
    logits, _ = draw()
    terms = [-sum(v * v for v in p) / (2 * C) for p in everywhere(logits)]
    found = losses.max_square(logits.softmax(1))
    assert float(found) == pytest.approx(sum(terms) / len(terms), rel=1e-5)


@pytest.mark.parametrize("alpha", [0.0, 0.2, 1.0])
def test_image_weighted_max_square(alpha: float) -> None:
    logits, _ = draw(3)
    total = 0.0
    for image in logits:
        every = everywhere(image[None])
        predicted = [max(range(C), key=lambda c: p[c]) for p in every]
        for p, c in zip(every, predicted, strict=True):
            n_c, n = predicted.count(c), len(predicted)
            total -= sum(v * v for v in p) / (2 * C * n_c**alpha * n ** (1 - alpha))
    found = losses.max_square(logits.softmax(1), image_weighted=True, alpha=alpha)
    assert float(found) == pytest.approx(total / len(logits), rel=1e-5)


def test_information_maximisation() -> None:
    logits, _ = draw()
    every = everywhere(logits)
    mean = [sum(p[c] for p in every) / len(every) for c in range(C)]
    certain = sum(-v * math.log(v) for p in every for v in p) / len(every)
    spread = sum(-v * math.log(v) for v in mean)
    found = losses.information_maximisation(logits.softmax(1), diversity=0.5)
    assert float(found) == pytest.approx((certain - 0.5 * spread) / math.log(C), rel=1e-4)
    prior = [0.7, 0.1, 0.1, 0.1]
    gap = sum(m * math.log(m / q) for m, q in zip(mean, prior, strict=True))
    found = losses.information_maximisation(logits.softmax(1), torch.tensor(prior), 0.5)
    assert float(found) == pytest.approx((certain + 0.5 * gap) / math.log(C), rel=1e-4)


def features() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(9, 3, generator=generator), torch.randn(7, 3, generator=generator) * 2 + 1


def slow_covariance(x: Tensor) -> list[list[float]]:
    rows = x.double().tolist()
    mean = [sum(r[i] for r in rows) / len(rows) for i in range(3)]
    return [
        [sum((r[i] - mean[i]) * (r[j] - mean[j]) for r in rows) / (len(rows) - 1) for j in range(3)]
        for i in range(3)
    ]


def test_coral() -> None:
    source, target = features()
    one, two = slow_covariance(source), slow_covariance(target)
    total = sum((one[i][j] - two[i][j]) ** 2 for i in range(3) for j in range(3))
    assert float(losses.coral(source, target)) == pytest.approx(total / (4 * 9), rel=1e-5)
    assert float(losses.coral(source, source + 5)) == pytest.approx(0.0, abs=1e-9)


def test_mmd() -> None:
    source, target = features()
    both = torch.cat([source, target]).double().tolist()
    squared = [[math.dist(a, b) ** 2 for b in both] for a in both]
    mean = sum(map(sum, squared)) / len(both) ** 2
    scales = (0.5, 2.0)

    def kernel(i: int, j: int) -> float:
        return sum(math.exp(-squared[i][j] / (s * mean)) for s in scales) / len(scales)

    n, m = len(source), len(target)
    within = sum(kernel(i, j) for i in range(n) for j in range(n)) / n**2
    within += sum(kernel(n + i, n + j) for i in range(m) for j in range(m)) / m**2
    between = sum(kernel(i, n + j) for i in range(n) for j in range(m)) / (n * m)
    found = losses.mmd(source, target, scales)
    assert float(found) == pytest.approx(within - 2 * between, rel=1e-5)
    assert float(losses.mmd(source, source)) == pytest.approx(0.0, abs=1e-6)


def test_losses_are_float32_under_autocast() -> None:
    logits, label = draw()
    source, target = features()
    with torch.autocast("cpu", torch.bfloat16):
        half = logits.bfloat16()
        for value in (
            losses.cross_entropy(half, label),
            losses.focal(half, label),
            losses.lovasz_softmax(half, label),
            losses.entropy(half.softmax(1)),
            losses.max_square(half.softmax(1)),
            losses.information_maximisation(half.softmax(1)),
            losses.coral(source, target),
            losses.mmd(source, target),
        ):
            assert value.dtype == torch.float32
        exact = losses.coral(source, target)
    assert float(exact) == float(losses.coral(source, target))
