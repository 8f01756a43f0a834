"""Procedural twin of ReSORT-IT: cut-out waste on a dark conveyor belt, made by code.

It replaces the real data in demos and tests, never silently. As in ReSORT-IT, one to four objects
of aluminium, paper, plastic bottles and nylon lie on a belt that is nearly black, and some show the
faint rectangle that pasting leaves. Images are 240 x 320 (H x W).
"""

import numpy as np

from dagen.datasets.base import Image
from dagen.datasets.synthetic.grounds import belt
from dagen.datasets.synthetic.noise import F32
from dagen.datasets.synthetic.objects import FAMILIES
from dagen.datasets.synthetic.scene import Thing, Twin, paint, photograph, put
from dagen.datasets.synthetic.sprite import turned

_THINGS, _GROUND, _CAMERA = range(3)


class ResortitSynth(Twin):
    """Waste on a belt; image ``index`` always holds class ``1 + index % 4``."""

    title = "resortit-synth"
    seed = 2023

    def size(self, index: int) -> tuple[int, int]:
        """(240, 320) for every image."""
        return 240, 320

    def things(self, index: int) -> list[Thing]:
        """One to four objects, the last one of class ``1 + index % 4``."""
        dice = self.dice(index, _THINGS)
        count = dice.pick((1, 1, 2, 2, 3, 4))
        kinds = [dice.integer(1, 5) for _ in range(count - 1)] + [1 + index % 4]
        scale = dice.uniform(115, 165) * (1.0, 0.95, 0.85, 0.78)[count - 1]
        things: list[Thing] = []
        for kind in kinds:
            make, relative = dice.pick(FAMILIES[kind])
            length = scale * relative * dice.uniform(0.85, 1.15)
            sprite = turned(make(dice), length, dice.uniform(0, 2 * np.pi))
            things.append(put(dice, sprite, kind, self.size(index), things, 0.12))
        return things

    def image(self, index: int) -> Image:
        """Image ``index``, (240, 320, 3) uint8 RGB."""
        dice = self.dice(index, _GROUND)
        things = self.things(index)
        ground = belt(dice, self.size(index))
        for thing in things:
            if dice.chance(0.45):
                self._paste(ground, thing, dice.uniform(0.75, 1.25))
        rgb = paint(ground, things, dice.uniform(0, 2 * np.pi), 0.5)
        camera = self.dice(index, _CAMERA)
        return photograph(camera, rgb, camera.uniform(1.0, 1.3), 0.03, 0.006, 0.4)

    @staticmethod
    def _paste(ground: F32, thing: Thing, tone: float) -> None:
        """The faint rectangle around a pasted object."""
        height, width = thing.sprite.mask.shape
        top, left = max(0, thing.top - height // 6), max(0, thing.left - width // 6)
        ground[top : thing.top + height + height // 6, left : thing.left + width + width // 6] *= (
            tone
        )
