"""The litter twin: bright textured grounds, smaller waste, junk that material ignores."""

from pathlib import Path

import numpy as np

from dagen.datasets.resortit_synth import ResortitSynth
from dagen.datasets.synthetic.grounds import NATURAL
from dagen.datasets.synthetic.junk import NATURE
from dagen.datasets.synthetic.noise import Dice
from dagen.datasets.synthetic.objects import FAMILIES
from dagen.datasets.taco_synth import TacoSynth
from dagen.types import IGNORE, Task


def _twin(split: str = "train", task: Task = Task.MATERIAL) -> TacoSynth:
    return TacoSynth(Path("nowhere"), split, task)


def test_images_are_the_same_in_any_order() -> None:
    first, second = _twin(), _twin()
    forwards = [first.image(2), first.image(9)]
    second.label(9)
    backwards = [second.image(9), second.image(2)]
    assert np.array_equal(forwards[0], backwards[1])
    assert np.array_equal(forwards[1], backwards[0])


def test_images_are_upright_and_wide_and_fit_their_labels() -> None:
    twin = _twin()
    assert {twin.size(index) for index in range(12)} == {(240, 320), (320, 240)}
    for index in (0, 1):
        image, label = twin.image(index), twin.label(index)
        assert image.shape == (*twin.size(index), 3) == (*label.shape, 3)
        assert image.dtype == label.dtype == np.uint8


def test_every_ground_appears() -> None:
    twin = _twin()
    assert {twin.scene(index) for index in range(60)} == {*NATURAL}


def test_junk_is_ignored_under_material_and_waste_under_binary() -> None:
    material, binary = _twin(), _twin(task=Task.BINARY)
    seen = set()
    for index in range(8):
        label, waste = material.label(index), binary.label(index)
        seen |= {*np.unique(label).tolist()}
        assert (label == 1 + index % 4).any()
        assert np.array_equal(waste, (label > 0).astype(np.uint8))
        assert (waste[label == IGNORE] == 1).all()
    assert seen == {0, 1, 2, 3, 4, IGNORE}


def test_waste_is_smaller_than_on_the_belt_and_about_as_in_taco() -> None:
    # TACO: 5 % of the pixels in the mean, 1.3 % in the median.
    twin, belt = _twin(task=Task.BINARY), ResortitSynth(Path(), "train", Task.BINARY)
    here = [float(twin.label(index).mean()) for index in range(16)]
    there = [float(belt.label(index).mean()) for index in range(12)]
    assert 0.02 < np.mean(here) < 0.10
    assert np.median(here) < 0.6 * np.median(there)


def test_grounds_are_brighter_than_the_belt() -> None:
    twin, belt = _twin(), ResortitSynth(Path(), "train", Task.BINARY)
    dark = max(belt.image(index)[belt.label(index) == 0].mean() for index in range(2))
    outside = [twin.image(index)[twin.label(index) == 0] for index in range(4)]
    assert np.mean([ground.mean() for ground in outside]) > 2 * dark
    # Textured: neighbours in brightness differ far more than sensor noise on a belt does.
    assert np.mean([ground.std() for ground in outside]) > 15


def test_splits_and_twins_share_no_image() -> None:
    shown = {_twin(split).image(1).tobytes() for split in TacoSynth.splits}
    assert len(shown) == 3
    twins = (TacoSynth, ResortitSynth)
    keys = {
        twin(Path(), split, Task.BINARY).image_key(0) for twin in twins for split in twin.splits
    }
    assert len(keys) == 6


def test_every_maker_answers_a_sprite_within_range() -> None:
    makers = {make for kinds in FAMILIES.values() for make, _ in kinds}
    makers |= {make for make, _ in NATURE}
    for make in makers:
        sprite = make(Dice(3, 0, 0, 0))
        for layer in sprite:
            assert layer.dtype == np.float32
            assert np.isfinite(layer).all() and layer.min() >= 0 and layer.max() <= 1
        assert sprite.rgb.shape == (*sprite.mask.shape, 3)
        assert sprite.alpha.shape == sprite.mask.shape
        assert (sprite.alpha <= sprite.mask + 1e-3).all()
        assert 0.02 < (sprite.mask > 0.5).mean() < 0.8
