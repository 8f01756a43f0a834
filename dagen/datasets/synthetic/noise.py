"""Counter-based random draws, and the noise fields of the procedural twins.

Every draw comes from Philox (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
SC 2011) at a counter that encodes the split, the image and the purpose, so no draw depends on
earlier draws, their order or the process. Only the raw 64-bit words are taken from numpy, because
they are the same in every release; its distributions may change.
"""

from collections.abc import Sequence
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
_T = TypeVar("_T")


class Dice:
    """Draws for one purpose within one image."""

    def __init__(self, seed: int, split: int, index: int, stream: int) -> None:
        # The first word of the counter is left to Philox, which counts up in it.
        counter = np.array([0, stream, index, split], np.uint64)
        self._bits = np.random.Philox(key=seed, counter=counter)

    def _words(self, count: int) -> NDArray[np.uint64]:
        return np.asarray(self._bits.random_raw(count), np.uint64)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """A number in [low, high)."""
        return low + (high - low) * float(self._words(1)[0] >> np.uint64(11)) * 2.0**-53

    def integer(self, low: int, high: int) -> int:
        """A whole number in low .. high - 1."""
        return int(self.uniform(low, high))

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.uniform() < probability

    def sign(self) -> float:
        """-1 or 1."""
        return 1.0 if self.chance(0.5) else -1.0

    def pick(self, items: Sequence[_T]) -> _T:
        """One of the items, all equally likely."""
        return items[self.integer(0, len(items))]

    def uniforms(self, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> F32:
        """Numbers in [low, high), float32."""
        unit = (self._words(int(np.prod(shape))) >> np.uint64(40)).astype(np.float32)
        return unit.reshape(shape) * np.float32((high - low) * 2.0**-24) + np.float32(low)

    def normals(self, shape: tuple[int, ...]) -> F32:
        """Nearly normal numbers of mean 0 and variance 1, float32.

        The sum of four random bytes (Irwin-Hall): two numbers per word, without transcendental
        functions, whose last bit depends on the machine.
        """
        count = int(np.prod(shape))
        bits = self._words((count + 1) // 2).view(np.uint32)[:count]
        low = np.uint32(0x00FF00FF)
        pairs = (bits & low) + (bits >> np.uint32(8) & low)
        total = ((pairs & np.uint32(0xFFFF)) + (pairs >> np.uint32(16))).astype(np.float32)
        # A byte has mean 127.5 and variance (256^2 - 1) / 12.
        total -= np.float32(4 * 127.5)
        total *= np.float32((4 * (256**2 - 1) / 12) ** -0.5)
        return total.reshape(shape)


def blur(x: F32, sigma: float) -> F32:
    """Gaussian blur of (H, W) or (H, W, C); a sigma below 0.1 pixel changes nothing."""
    if sigma < 0.1:
        return x
    return np.asarray(cv2.GaussianBlur(x, (0, 0), sigma), np.float32)


def value_noise(dice: Dice, size: tuple[int, int], cell: float | tuple[float, float]) -> F32:
    """Smooth noise (H, W), mean about 0, values about -1 to 1.

    Args:
        dice: source of the lattice's values.
        size: (H, W) in pixels.
        cell: pixels between lattice points, or (down, across) for streaks.
    """
    down, across = cell if isinstance(cell, tuple) else (cell, cell)
    # Coarse noise is as smooth when computed at half the size, in a quarter of the time.
    fine = min(down, across) < 8
    height, width = size if fine else ((size[0] + 1) // 2, (size[1] + 1) // 2)
    down, across = (down, across) if fine else (down / 2, across / 2)
    lattice = dice.uniforms((int(height / down) + 5, int(width / across) + 5), -1.0, 1.0)
    shift_y, shift_x = 1 + dice.uniform(), 1 + dice.uniform()
    # Output pixel (x, y) reads lattice point (x / across + shift_x, y / down + shift_y).
    affine = np.array([[1 / across, 0, shift_x], [0, 1 / down, shift_y]], np.float32)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    noise = cv2.warpAffine(
        lattice, affine, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(noise if fine else cv2.resize(noise, (size[1], size[0])), np.float32)


def fractal(
    dice: Dice,
    size: tuple[int, int],
    cell: float | tuple[float, float],
    octaves: int = 4,
    gain: float = 0.5,
) -> F32:
    """Octaves of :func:`value_noise`, each half as large and ``gain`` as strong; (H, W)."""
    down, across = cell if isinstance(cell, tuple) else (cell, cell)
    total = np.zeros(size, np.float32)
    weight = 1.0
    for octave in range(octaves):
        scale = 0.5**octave
        total += weight * value_noise(dice, size, (max(down * scale, 1), max(across * scale, 1)))
        weight *= gain
    return total * np.float32((1 - gain) / (1 - gain**octaves))


def relief(height: F32, light: float, strength: float) -> F32:
    """Brightness of a lit surface: 1 where it is level, more on slopes that face the light.

    Args:
        height: (H, W) height field, pixels.
        light: direction of the light's origin in radians; 0 is right and pi / 2 is up.
        strength: contrast; slope times strength is added to 1.
    """
    down, across = np.gradient(height)
    facing = down * np.float32(np.sin(light)) - across * np.float32(np.cos(light))
    return np.asarray(np.clip(1 + strength * facing, 0.2, 2.2), np.float32)


def cells(dice: Dice, size: tuple[int, int], spacing: float) -> tuple[NDArray[np.int32], F32]:
    """A random mosaic: each pixel's cell, and its distance from the cell's edge.

    Args:
        dice: source of the seeds.
        size: (H, W) in pixels.
        spacing: mean pixels between seeds.

    Returns:
        Ids (H, W) from 0, and distances (H, W) in pixels.
    """
    height, width = size
    grid = np.mgrid[0 : height + spacing : spacing, 0 : width + spacing : spacing]
    jitter = dice.uniforms(grid.shape, -0.45 * spacing, 0.45 * spacing)
    rows, columns = (grid + jitter).reshape(2, -1).astype(int)
    inner = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    seeds = np.ones(size, np.uint8)
    seeds[rows[inner], columns[inner]] = 0
    seeds[0, 0] = 0  # at least one seed, however small the canvas
    _, found = cv2.distanceTransformWithLabels(
        seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    ids = np.asarray(found, np.int32) - 1
    inside = np.ones(size, np.uint8)
    inside[:, 1:] &= ids[:, 1:] == ids[:, :-1]
    inside[1:] &= ids[1:] == ids[:-1]
    return ids, np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, 5), np.float32)


def creases(dice: Dice, size: tuple[int, int], spacing: float) -> F32:
    """The shading of a crumpled surface: flat patches between sharp folds, lit from one side.

    Absolute values of smooth noise make a height field with sharp valleys; its slope towards the
    light is the shading. It is computed at half the size, since folds are larger than pixels.

    Returns:
        (H, W), mean about 0, values about -1 to 1.
    """
    half = (size[0] // 2, size[1] // 2)
    height = np.zeros(half, np.float32)
    for scale in (1.25, 0.6):
        height += np.abs(value_noise(dice, half, spacing * scale)) * np.float32(spacing * scale)
    down, across = np.gradient(height)
    light = dice.uniform(0, 2 * np.pi)
    slope = down * np.float32(np.sin(light)) - across * np.float32(np.cos(light))
    ids, _ = cells(dice, half, spacing)
    tone = dice.uniforms((int(ids.max()) + 1,), -0.5, 0.5)[ids]
    light_field = np.clip(0.75 * slope + tone, -1.2, 1.4).astype(np.float32)
    return np.asarray(cv2.resize(light_field, (size[1], size[0])), np.float32)
