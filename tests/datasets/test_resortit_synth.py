"""The belt twin: the same pixels in any order, exact labels, a dark belt."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from dagen.datasets.resortit_synth import ResortitSynth
from dagen.datasets.synthetic.noise import Dice
from dagen.datasets.synthetic.scene import Thing, label_of, paint
from dagen.datasets.synthetic.sprite import Sprite
from dagen.errors import UsageError
from dagen.types import Task


def _twin(split: str = "train", task: Task = Task.MATERIAL) -> ResortitSynth:
    return ResortitSynth(Path("nowhere"), split, task)


def test_draws_depend_on_their_counter_alone() -> None:
    # Written down once: raw Philox words are the same in every numpy release.
    assert [Dice(7, 0, 1, 2).integer(0, 10**6) for _ in range(2)] == [99477] * 2
    draws = {
        Dice(*key).uniform()
        for key in [(7, 0, 1, 2), (8, 0, 1, 2), (7, 1, 1, 2), (7, 0, 2, 2), (7, 0, 1, 3)]
    }
    assert len(draws) == 5


def test_draws_have_the_distribution_that_they_are_named_after() -> None:
    dice = Dice(1, 0, 0, 0)
    normals, uniforms = dice.normals((20_000,)), dice.uniforms((20_000,), -1, 3)
    assert abs(normals.mean()) < 0.03 and abs(normals.std() - 1) < 0.03
    assert abs(uniforms.mean() - 1) < 0.04 and uniforms.min() >= -1 and uniforms.max() < 3
    assert {dice.integer(2, 5) for _ in range(60)} == {2, 3, 4}


def test_images_are_the_same_in_any_order_and_whatever_else_is_drawn() -> None:
    first = _twin()
    forwards = [first.image(3), first.image(8)]
    np.random.default_rng(0).random(3)
    second = _twin()
    second.label(8)
    backwards = [second.image(8), second.image(3)]
    assert np.array_equal(forwards[0], backwards[1])
    assert np.array_equal(forwards[1], backwards[0])
    assert np.array_equal(first.label(3), second.label(3))


def test_splits_share_no_image() -> None:
    shown = [_twin(split).image(0) for split in ResortitSynth.splits]
    keys = {_twin(split).image_key(i) for split in ResortitSynth.splits for i in range(60)}
    assert not np.array_equal(shown[0], shown[1]) and not np.array_equal(shown[1], shown[2])
    assert len(keys) == 180
    assert [len(_twin(split)) for split in ResortitSynth.splits] == [240, 60, 60]


def test_fingerprint_tells_splits_apart_and_ignores_the_task() -> None:
    train = _twin().fingerprint()
    assert train == _twin(task=Task.BINARY).fingerprint()
    assert train != _twin("val").fingerprint()
    assert len(train) == 64


def test_every_image_holds_its_class_and_little_else_than_belt() -> None:
    twin = _twin()
    labels = [twin.label(index) for index in range(16)]
    for index, label in enumerate(labels):
        assert {*np.unique(label).tolist()} <= {0, 1, 2, 3, 4}
        assert (label == 1 + index % 4).any()
    assert 0.05 < np.mean([(label > 0).mean() for label in labels]) < 0.25


def test_belt_is_dark_and_waste_is_bright() -> None:
    twin = _twin()
    for index in range(4):
        image, label = twin.image(index), twin.label(index)
        assert image.shape == (240, 320, 3) and image.dtype == np.uint8
        assert image[label == 0].mean() < 55
        assert image[label > 0].mean() > 1.5 * image[label == 0].mean()


def test_binary_is_material_without_its_names() -> None:
    material, binary = _twin().label(5), _twin(task=Task.BINARY).label(5)
    assert np.array_equal(binary, (material > 0).astype(np.uint8))


def test_label_covers_exactly_what_is_painted() -> None:
    twin = _twin()
    grey = np.full((240, 320, 3), 0.31, np.float32)
    painted = (np.abs(paint(grey.copy(), twin.things(2), 0.0, 0.0) - grey) > 1e-3).any(axis=2)
    label = twin.label(2)
    # Soft edges reach two pixels outwards, where less than half a pixel is covered.
    assert painted[label > 0].mean() > 0.995
    far = cv2.dilate(label, np.ones((5, 5), np.uint8)) == 0
    assert (painted & far).sum() < 0.001 * (label > 0).sum()


def test_later_things_own_the_pixels_they_cover() -> None:
    square = Sprite(np.ones((4, 4, 3), np.float32), *np.ones((2, 4, 4), np.float32))
    things = [Thing(square, 1, 0, 0), Thing(square, 3, 2, 2), Thing(square, 255, -3, 6)]
    label = label_of(things, (6, 8), Task.MATERIAL)
    assert label.tolist() == [
        [1, 1, 1, 1, 0, 0, 255, 255],
        [1, 1, 1, 1, 0, 0, 0, 0],
        [1, 1, 3, 3, 3, 3, 0, 0],
        [1, 1, 3, 3, 3, 3, 0, 0],
        [0, 0, 3, 3, 3, 3, 0, 0],
        [0, 0, 3, 3, 3, 3, 0, 0],
    ]
    assert np.array_equal(label_of(things, (6, 8), Task.BINARY), (label > 0).astype(np.uint8))


def test_wrong_split_and_index_are_refused() -> None:
    with pytest.raises(UsageError, match="'trian'; did you mean 'train'"):
        _twin("trian")
    for index in (-1, 240):
        with pytest.raises(IndexError, match="no image"):
            _twin().image(index)
