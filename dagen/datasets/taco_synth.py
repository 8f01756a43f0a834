"""Procedural twin of TACO: litter on grass, gravel, asphalt, sand, leaves and paving.

It replaces the real data in demos and tests, never silently. The four families of waste are those
of ``resortit-synth``, smaller and weathered, on bright textured grounds among stones, twigs, leaves
and shadows. Waste that belongs to no family (cigarettes, caps, cups, glass, straws) is 255 under
``material`` and waste under ``binary``, as in TACO. Half of the images are upright, 320 x 240 (H x
W); the others are 240 x 320.
"""

import numpy as np

from dagen.datasets.base import Image
from dagen.datasets.synthetic.grounds import NATURAL
from dagen.datasets.synthetic.junk import JUNK, NATURE
from dagen.datasets.synthetic.noise import F32, Dice, blur, fractal
from dagen.datasets.synthetic.objects import FAMILIES
from dagen.datasets.synthetic.scene import NOTHING, OTHER, Thing, Twin, paint, photograph, put
from dagen.datasets.synthetic.sprite import stain, turned

_LAYOUT, _THINGS, _GROUND, _CAMERA = range(4)


class TacoSynth(Twin):
    """Litter outdoors; image ``index`` always holds class ``1 + index % 4``."""

    title = "taco-synth"
    seed = 2020

    def size(self, index: int) -> tuple[int, int]:
        """(240, 320) or (320, 240)."""
        return (320, 240) if self.dice(index, _LAYOUT).chance(0.5) else (240, 320)

    def scene(self, index: int) -> str:
        """The ground's name, such as ``grass``."""
        dice = self.dice(index, _LAYOUT)
        dice.uniform()  # skips the draw that decided the size
        return dice.pick(tuple(NATURAL))

    def things(self, index: int) -> list[Thing]:
        """Stones and the like, junk, one to three objects, sometimes a leaf on top."""
        dice = self.dice(index, _THINGS)
        size = self.size(index)
        # Log-uniform lengths: litter is photographed from near and far.
        scale = float(np.exp(dice.uniform(np.log(38), np.log(160))))
        kinds = [dice.integer(1, 5) for _ in range(dice.pick((0, 0, 0, 1, 1, 2)))] + [1 + index % 4]
        plan = [(NOTHING, dice.pick(NATURE)) for _ in range(dice.integer(0, 5))]
        plan += [(OTHER, dice.pick(JUNK)) for _ in range(dice.pick((0, 0, 1, 2)))]
        plan += [(kind, dice.pick(FAMILIES[kind])) for kind in kinds]
        if dice.chance(0.25):
            plan.append((NOTHING, NATURE[dice.integer(1, 3)]))
        things: list[Thing] = []
        for kind, (make, relative) in plan:
            sprite = make(dice)
            if kind != NOTHING:
                sprite = stain(sprite, dice, dice.uniform(0, 0.6))
            length = max(10.0, scale * relative * dice.uniform(0.8, 1.2))
            sprite = turned(sprite, length, dice.uniform(0, 2 * np.pi))
            things.append(put(dice, sprite, kind, size, things, 0.05))
        return things

    def image(self, index: int) -> Image:
        """Image ``index``, (H, W, 3) uint8 RGB."""
        dice = self.dice(index, _GROUND)
        light = dice.uniform(0, 2 * np.pi)
        ground = NATURAL[self.scene(index)](dice, self.size(index), light)
        # Under an overcast sky grounds have less contrast than in the sun.
        middle = ground.mean(axis=(0, 1))
        ground = middle + np.float32(dice.uniform(0.4, 0.95)) * (ground - middle)
        rgb = paint(ground, self.things(index), light, dice.uniform(0.35, 0.7))
        camera = self.dice(index, _CAMERA)
        rgb *= self._shade(camera, rgb)
        exposure, noise = camera.uniform(0.85, 1.3), camera.uniform(0.008, 0.03)
        return photograph(camera, rgb, exposure, 0.07, noise, camera.uniform(0.2, 0.8))

    @staticmethod
    def _shade(dice: Dice, rgb: F32) -> F32:
        """The shadow of a tree or a wall over part of the scene, (H, W, 1)."""
        size = rgb.shape[0], rgb.shape[1]
        if dice.chance(0.6):
            return np.ones((*size, 1), np.float32)
        dapple = np.clip(3 + 9 * fractal(dice, size, dice.uniform(40, 160), 3), 0, 1)
        depth = dice.uniform(0.35, 0.6)
        return (1 - depth * (1 - blur(dapple.astype(np.float32), 1.5)))[..., None]
