import math

import torch
from torch import Tensor

from dagen.methods.shared.mixing import (
    _blur,
    colour_maps,
    disturb,
    find_objects,
    half_of_the_objects,
)
from dagen.types import Task
from tests.methods.pseudo import objects


def _labels(task: Task = Task.BINARY) -> Tensor:
    source = objects(task).source
    assert source is not None and source.label is not None
    return source.label


def _flood(label: Tensor, smallest: int) -> list[tuple[int, int, frozenset[tuple[int, int]]]]:
    """Image, class and pixels of every region, by walking from pixel to pixel."""
    found = []
    for b, one in enumerate(label.tolist()):
        left = {
            (y, x)
            for y, row in enumerate(one)
            for x, value in enumerate(row)
            if value not in (0, 255)
        }
        while left:
            start = min(left)
            value, region, todo = one[start[0]][start[1]], set(), [start]
            while todo:
                y, x = todo.pop()
                if (y, x) in left and one[y][x] == value:
                    left.discard((y, x))
                    region.add((y, x))
                    todo += [(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
            if len(region) >= smallest:
                found.append((b, value, frozenset(region)))
    return found


def test_objects_are_those_of_a_flood_fill() -> None:
    draw = torch.Generator().manual_seed(1)
    label = (torch.rand(3, 14, 17, generator=draw) < 0.3) * torch.randint(
        1, 4, (3, 14, 17), generator=draw
    )
    label[:, 5] = 255
    found = find_objects(label, smallest=3)
    ours = set()
    for i in range(len(found)):
        where = (found.number == i + 1).nonzero().tolist()
        assert {b for b, _, _ in where} == {int(found.image[i])}
        region = frozenset((y, x) for _, y, x in where)
        ours.add((int(found.image[i]), int(found.label[i]), region))
        ys, xs = [y for y, _ in region], [x for _, x in region]
        middle = [(min(xs) + max(xs) + 1 - 17) / 2, (min(ys) + max(ys) + 1 - 14) / 2]
        assert found.centre[i].tolist() == middle
    assert len(found) > 10
    assert ours == set(_flood(label, 3))


def test_touching_objects_of_two_classes_are_two() -> None:
    label = torch.zeros(1, 8, 12, dtype=torch.int64)
    label[0, 2:7, :6], label[0, 2:7, 6:] = 1, 2
    assert find_objects(label).label.tolist() == [1, 2]


def test_no_object_at_all() -> None:
    found = find_objects(torch.full((2, 8, 8), 255))
    assert len(found) == 0 and found.centre.shape == (0, 2)
    assert not half_of_the_objects(found, torch.Generator()).any()


def test_half_of_the_objects_rounded_up() -> None:
    found = find_objects(_labels())
    seen = set()
    for seed in range(20):
        mask = half_of_the_objects(found, torch.Generator().manual_seed(seed))
        assert mask.shape == (2, 1, 32, 32)
        per_image = [set(found.number[b][mask[b, 0]].tolist()) for b in range(2)]
        assert [len(chosen) for chosen in per_image] == [2, 1]
        assert mask[0].sum() == 128 and mask[1].sum() == 100  # whole objects, no crumbs
        seen.add(frozenset(per_image[0]))
    assert len(seen) == 3


def test_disturbed_images_are_images_and_differ_from_each_other() -> None:
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)).repeat(4, 1, 1, 1)
    first = disturb(image, torch.Generator().manual_seed(3), jitter=0.25, jitter_p=1)
    again = disturb(image, torch.Generator().manual_seed(3), jitter=0.25, jitter_p=1)
    assert torch.equal(first, again)
    assert first.shape == image.shape and first.min() >= 0 and first.max() <= 1
    assert len({tuple(one.flatten().tolist()) for one in first}) == 4


def test_nothing_is_disturbed_at_probability_zero() -> None:
    image = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(
        disturb(image, torch.Generator(), jitter=0.5, jitter_p=0, blur_p=0), image
    )


def test_jitter_and_blur_come_as_often_as_asked() -> None:
    draws = torch.Generator().manual_seed(0)
    image = torch.rand(1, 3, 12, 12, generator=draws).repeat(300, 1, 1, 1)
    for kind, share in (({"blur_p": 0.0}, 0.8), ({"jitter_p": 0.0}, 0.5)):
        gap = (disturb(image, draws, jitter=0.2, **kind) - image).abs().flatten(1).amax(1)
        assert abs(float((gap > 1e-5).float().mean()) - share) < 0.1


def test_colour_maps_turn_the_hue_about_the_grey_axis() -> None:
    maps = colour_maps(50, 0.3, 0.2, torch.Generator().manual_seed(0))
    luma = torch.tensor([0.299, 0.587, 0.114])
    gain = (maps @ torch.ones(3)).mean(1)
    assert torch.allclose(maps @ torch.ones(3), gain[:, None].expand(50, 3), atol=0.01)
    assert 0.7 <= gain.min() < 0.8 and 1.2 < gain.max() <= 1.3
    red = torch.tensor([0.8, 0.2, 0.1])
    assert torch.allclose((maps @ red) @ luma, gain * (red @ luma), atol=0.01)
    assert torch.allclose(colour_maps(2, 0.0, 0.0, torch.Generator()), torch.eye(3), atol=1e-6)


def test_the_blur_is_gaussian() -> None:
    image = torch.zeros(1, 1, 13, 13)
    image[0, 0, 6, 6] = 1
    sigma = 0.9
    slow = [
        [math.exp(-((y - 6) ** 2 + (x - 6) ** 2) / (2 * sigma**2)) for x in range(13)]
        for y in range(13)
    ]
    expected = torch.tensor(slow) / sum(map(sum, slow))
    assert torch.allclose(_blur(image, torch.tensor([[sigma]]))[0, 0], expected, atol=1e-4)
