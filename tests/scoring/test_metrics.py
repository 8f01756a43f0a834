import json
import math

import pytest
import torch
from torch import Tensor

from dagen.errors import DataError
from dagen.scoring.metrics import BINS, Scores, calibration, confusion
from dagen.types import IGNORE, Task


def one_hot(prediction: Tensor, classes: int) -> Tensor:
    """Certain probabilities (C, H, W) of a prediction (H, W)."""
    return torch.nn.functional.one_hot(prediction, classes).movedim(-1, 0).float()


def scores(prediction: list[int], label: list[int], task: Task = Task.MATERIAL) -> Scores:
    found = Scores(task)
    truth = torch.tensor([label])
    found.update(one_hot(torch.tensor([prediction]), task.num_classes), truth)
    return found


def test_confusion_counts_every_pair_but_the_ignored() -> None:
    draw = torch.Generator().manual_seed(0)
    prediction = torch.randint(0, 3, (6, 7), generator=draw)
    label = torch.randint(0, 3, (6, 7), generator=draw)
    label[2, :4] = IGNORE
    slow = torch.zeros(3, 3, dtype=torch.int64)
    for p, t in zip(prediction.flatten().tolist(), label.flatten().tolist(), strict=True):
        if t != IGNORE:
            slow[t, p] += 1
    found = confusion(prediction, label, 3)
    assert found.dtype == torch.int64
    assert torch.equal(found, slow)
    assert int(found.sum()) == 6 * 7 - 4
    assert int(confusion(prediction, torch.full_like(label, IGNORE), 3).sum()) == 0


@pytest.mark.parametrize("bad", [3, -1, 254])
def test_unknown_ids_are_refused(bad: int) -> None:
    zero = torch.zeros(2, 2, dtype=torch.int64)
    with pytest.raises(DataError, match=f"{bad}.*allowed are 0 to 2"):
        confusion(zero, torch.full((2, 2), bad), 3)
    with pytest.raises(DataError, match="allowed are 0 to 2"):
        confusion(torch.full((2, 2), bad), zero, 3)


def test_iou_by_hand() -> None:
    found = scores([0, 0, 1, 1, 2, 0], [0, 0, 1, 2, 2, IGNORE])
    assert found.iou[:3] == [1.0, 0.5, 0.5]
    assert all(math.isnan(value) for value in found.iou[3:])
    assert found.miou == pytest.approx(2 / 3)
    assert found.foreground_miou == pytest.approx(0.5)
    assert found.pixel_accuracy == pytest.approx(4 / 5)


def test_absent_classes_are_left_out_and_not_counted_as_one() -> None:
    found = scores([0, 0, 1, 0], [0, 0, 0, 0])
    assert found.iou[0] == pytest.approx(3 / 4)
    assert found.iou[1] == 0.0  # predicted and never true: wrong, not absent
    assert found.miou == pytest.approx(3 / 8)
    values = found.to_dict()
    assert "iou/paper" not in values and values["iou/aluminium"] == 0.0


def test_one_matrix_over_the_data_set_is_not_the_mean_of_images() -> None:
    found = Scores(Task.BINARY)
    found.update(one_hot(torch.tensor([[1, 0, 0, 0]]), 2), torch.tensor([[1, 0, 0, 0]]))
    found.update(one_hot(torch.tensor([[0, 0, 0, 0]]), 2), torch.tensor([[1, 1, 1, 0]]))
    assert found.iou[1] == pytest.approx(1 / 4)  # the mean of images would be 1 / 2


def test_waste_iou_joins_the_materials_and_leaves_ignored_pixels_out() -> None:
    found = scores([0, 2, 3, 0, 1, 4], [0, 1, 3, 4, 0, IGNORE])
    assert found.waste_iou == pytest.approx(2 / 4)
    binary = scores([0, 1, 1, 0, 1, 1], [0, 1, 1, 1, 0, IGNORE], Task.BINARY)
    assert binary.waste_iou == found.waste_iou == binary.iou[1]


def slow_ece(probability: Tensor, label: Tensor) -> float:
    pixels = []
    for y in range(label.shape[0]):
        for x in range(label.shape[1]):
            if label[y, x] != IGNORE:
                p = probability[:, y, x].tolist()
                pixels.append((max(p), p.index(max(p)) == int(label[y, x])))
    total = 0.0
    for b in range(BINS):
        inside = [(c, r) for c, r in pixels if b / BINS < c <= (b + 1) / BINS]
        if inside:
            gap = sum(r for _, r in inside) - sum(c for c, _ in inside)
            total += abs(gap) / len(pixels)
    return total


def test_calibration_error() -> None:
    draw = torch.Generator().manual_seed(1)
    probability = (torch.randn(5, 12, 10, generator=draw) * 2).softmax(0)
    label = torch.randint(0, 5, (12, 10), generator=draw)
    label[0] = IGNORE
    found = Scores(Task.MATERIAL)
    for rows in (slice(0, 5), slice(5, 12)):  # sums of parts are the whole
        found.update(probability[:, rows], label[rows])
    assert found.ece == pytest.approx(slow_ece(probability, label), rel=1e-6)


def test_calibration_bins_are_closed_above() -> None:
    probability = torch.tensor([[[1.0]], [[0.0]]])
    sums = calibration(probability, torch.zeros(1, 1, dtype=torch.int64))
    assert sums.shape == (3, BINS)
    assert sums[:, -1].tolist() == [1.0, 1.0, 1.0]
    halves = calibration(torch.full((2, 1, 1), 0.5), torch.zeros(1, 1, dtype=torch.int64), bins=4)
    assert halves[0].tolist() == [0.0, 1.0, 0.0, 0.0]
    assert scores([0, 1], [0, 1], Task.BINARY).ece == 0.0
    assert scores([1, 0], [0, 1], Task.BINARY).ece == 1.0


def test_to_dict_is_flat_and_plain_json() -> None:
    values = scores([0, 1, 2, 3, 4], [0, 1, 2, 3, 4]).to_dict()
    assert set(values) == {
        *(f"iou/{name}" for name in Task.MATERIAL.classes),
        *("miou", "foreground_miou", "waste_iou", "pixel_accuracy", "ece"),
    }
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert Scores(Task.BINARY).to_dict() == {}


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match=r"\(2, 4, 4\).*\(5, 4, 4\)"):
        Scores(Task.MATERIAL).update(torch.rand(2, 4, 4), torch.zeros(4, 4, dtype=torch.int64))


def test_a_class_that_the_data_lack_is_no_part_of_the_means() -> None:
    task = Task("classes", ("background", "can", "bag"), background=True)
    label = torch.tensor([[0, 1, 1, 1]])
    probability = torch.nn.functional.one_hot(torch.tensor([[0, 1, 1, 2]]), 3).permute(2, 0, 1)
    every, known = Scores(task), Scores(task, {2})
    for scores in (every, known):
        scores.update(probability.float(), label)
    assert every.foreground_miou == pytest.approx((2 / 3 + 0) / 2)
    assert known.foreground_miou == pytest.approx(2 / 3)  # the wrong pixel still counts for can
    assert "iou/bag" not in known.to_dict()
