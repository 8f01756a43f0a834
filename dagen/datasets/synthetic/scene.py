"""Composes a twin's image: things on a ground, seen through a camera."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from dagen.datasets.base import Dataset, Image, Label
from dagen.datasets.reading.class_names import translated
from dagen.datasets.synthetic.noise import F32, Dice, blur
from dagen.datasets.synthetic.sprite import Sprite
from dagen.errors import unknown
from dagen.types import IGNORE, Task

NOTHING = 0
"""Kind of a thing that is not waste; 1 to 4 are the classes of the material task."""
OTHER = IGNORE
"""Kind of waste without a class: ignored under material, waste under binary."""


class Thing(NamedTuple):
    """A placed sprite; ``kind`` is a class of the material task, NOTHING or OTHER."""

    sprite: Sprite
    kind: int
    top: int
    left: int


def _overlap(
    thing: Thing, size: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part of the canvas that a thing covers, and the matching part of its sprite."""
    height, width = thing.sprite.mask.shape
    top, left = max(thing.top, 0), max(thing.left, 0)
    bottom, right = min(thing.top + height, size[0]), min(thing.left + width, size[1])
    bottom, right = max(bottom, top), max(right, left)
    inside = np.s_[top - thing.top : bottom - thing.top, left - thing.left : right - thing.left]
    return np.s_[top:bottom, left:right], inside


def label_of(things: list[Thing], size: tuple[int, int], task: Task) -> Label:
    """The label (H, W) uint8 of things painted in this order; half coverage owns a pixel."""
    label = np.zeros(size, np.uint8)
    for thing in things:
        place, inside = _overlap(thing, size)
        label[place][thing.sprite.mask[inside] > 0.5] = thing.kind
    if task == Task.BINARY:
        return (label > 0).astype(np.uint8)
    return label if task == Task.MATERIAL else translated(label, Task.MATERIAL.classes, task)


def paint(ground: F32, things: list[Thing], light: float, darkness: float) -> F32:
    """Things and their contact shadows over the ground (H, W, 3), in this order.

    Args:
        ground: changed in place.
        things: what to paint.
        light: direction of the light's origin in radians.
        darkness: 0 for no shadow, 1 for a black one.
    """
    size = ground.shape[0], ground.shape[1]
    for thing in things:
        reach = 0.045 * max(thing.sprite.mask.shape)
        margin = int(3 * reach) + 2
        wide = np.pad(thing.sprite.alpha, margin)
        shadow = Sprite(wide[..., None], blur(wide, reach), wide)
        down, across = round(reach * np.sin(light)), round(-reach * np.cos(light))
        cast = Thing(shadow, NOTHING, thing.top - margin + down, thing.left - margin + across)
        place, inside = _overlap(cast, size)
        ground[place] *= 1 - darkness * shadow.alpha[inside][..., None]
        place, inside = _overlap(thing, size)
        alpha = thing.sprite.alpha[inside][..., None]
        ground[place] += alpha * (thing.sprite.rgb[inside] - ground[place])
    return ground


def put(
    dice: Dice, sprite: Sprite, kind: int, size: tuple[int, int], others: list[Thing], beyond: float
) -> Thing:
    """Place a sprite where it covers others least, out of six random places.

    Args:
        dice: draws.
        sprite: the sprite to place.
        kind: see :class:`Thing`.
        size: (H, W) of the image.
        others: things that are placed already.
        beyond: share of the sprite that may be outside the image.
    """
    height, width = sprite.mask.shape
    best, least = None, float("inf")
    for _ in range(6):
        top = round(dice.uniform(-beyond * height, size[0] - (1 - beyond) * height))
        left = round(dice.uniform(-beyond * width, size[1] - (1 - beyond) * width))
        shared = 0.0
        for other in others:
            tall, wide = other.sprite.mask.shape
            rows = min(top + height, other.top + tall) - max(top, other.top)
            columns = min(left + width, other.left + wide) - max(left, other.left)
            shared += max(rows, 0) * max(columns, 0)
        if shared < least:
            best, least = Thing(sprite, kind, top, left), shared
    assert best is not None
    return best


def photograph(
    dice: Dice, rgb: F32, exposure: float, cast: float, noise: float, soft: float
) -> Image:
    """Apply a camera to linear RGB: exposure, colour cast, vignette, blur, noise.

    Args:
        dice: draws.
        rgb: (H, W, 3).
        exposure: gain.
        cast: largest deviation of a channel's gain from 1.
        noise: standard deviation of the sensor noise.
        soft: sigma of the blur, pixels.
    """
    height, width = rgb.shape[:2]
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None] ** 2
    columns = np.linspace(-1, 1, width, dtype=np.float32)[None] ** 2
    vignette = 1 - np.float32(dice.uniform(0.02, 0.12)) * (rows + columns)
    gain = np.float32(exposure) * (1 + np.float32(cast) * dice.uniforms((3,), -1, 1))
    seen = blur(rgb, soft) * (vignette[..., None] * gain)
    # Mostly equal in all channels, as with real sensors and their colour reconstruction.
    seen += np.float32(noise) * dice.normals((height, width, 1))
    seen += np.float32(0.4 * noise) * dice.normals((height, width, 3))
    seen *= 255
    return np.clip(np.rint(seen), 0, 255).astype(np.uint8)


class Twin(Dataset):
    """Base of the procedural twins, data sets made by code.

    Nothing is read from or written to disk. Every draw is a function of (``seed``, split, index,
    purpose), so images and labels can be made in any order and in any process. Pixels are the same
    wherever numpy and OpenCV do the same arithmetic; another processor may round a few of them
    differently.

    Attributes:
        title: the plug-in's name.
        version: increased whenever the generator's pixels change; part of every key.
        seed: key of the Philox generator.
        counts: number of images of each split.
    """

    splits = ("train", "val", "test")
    on_disk = False
    how_to_get = "it is drawn by code and needs no files"
    title: ClassVar[str]
    version: ClassVar[int] = 2
    seed: ClassVar[int]
    counts: ClassVar[dict[str, int]] = {"train": 240, "val": 60, "test": 60}

    def __init__(self, root: Path, split: str, task: Task) -> None:
        """One split under one task.

        Args:
            root: ignored; a twin has no files.
            split: ``train``, ``val`` or ``test``.
            task: what the labels mean.

        Raises:
            UsageError: an unknown split.
        """
        if split not in self.splits:
            raise unknown(f"split of {self.title}", split, self.splits)
        super().__init__(root, split, task)

    @classmethod
    def declares(cls, root: Path) -> Task:
        """See :meth:`Dataset.declares`: background and the materials."""
        return replace(Task.MATERIAL, name="classes")

    def dice(self, index: int, purpose: int) -> Dice:
        """Draws for one purpose in image ``index``.

        Raises:
            IndexError: there is no such image.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"{self.title}/{self.split} has no image {index}.")
        return Dice(self.seed, self.splits.index(self.split), index, purpose)

    def size(self, index: int) -> tuple[int, int]:
        """(H, W) of image ``index``."""
        raise NotImplementedError

    def things(self, index: int) -> list[Thing]:
        """The things in image ``index``, in the order of painting."""
        raise NotImplementedError

    def __len__(self) -> int:
        return self.counts[self.split]

    def name(self, index: int) -> str:
        """``split/00000``, without a suffix: there is no file."""
        return f"{self.split}/{index:05d}"

    def label(self, index: int) -> Label:
        """Label of image ``index``, from the shapes that are painted; paints nothing."""
        return label_of(self.things(index), self.size(index), self.task)

    def image_key(self, index: int) -> str:
        """Name, version and seed of the generator, and the image: all that its pixels depend on."""
        return f"{self.title}/v{self.version}/{self.seed}/{self.name(index)}"

    def fingerprint(self) -> str:
        """SHA-256 (hex) over every image's key and the pixels of the first two images.

        Deviation from the contract, which asks for all contents: ``version`` represents them, and
        the two images reveal a library that draws differently.
        """
        digest = sha256()
        for index in range(len(self)):
            digest.update(self.image_key(index).encode())
        for index in range(2):
            digest.update(self.image(index).tobytes())
        return digest.hexdigest()
