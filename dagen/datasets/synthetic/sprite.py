"""Cut-out objects and operations on them: fill, mix, crumple, stain, rotate."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dagen.datasets.synthetic.noise import F32, Dice, creases, fractal

Field = NDArray[np.float32] | NDArray[np.float64]
Colour = tuple[float, float, float]
"""RGB in [0, 1]."""


class Sprite(NamedTuple):
    """A cut-out object.

    ``rgb`` (H, W, 3) and ``alpha`` (H, W) in [0, 1] are painted; ``mask`` (H, W) in [0, 1] is the
    covered area. Alpha and mask differ where the object is translucent: the label follows the mask.
    """

    rgb: F32
    alpha: F32
    mask: F32


def cut_out(rgb: Field, mask: F32, alpha: Field | None = None) -> Sprite:
    """A sprite from its layers; opaque without ``alpha``, which is cut off at the mask."""
    opacity = mask if alpha is None else np.asarray(alpha * mask, np.float32)
    return Sprite(np.asarray(np.clip(rgb, 0, 1), np.float32), opacity, mask)


def filled(colour: Colour, shade: Field) -> F32:
    """``colour`` times a brightness field (H, W), as (H, W, 3)."""
    return np.asarray(shade, np.float32)[..., None] * np.asarray(colour, np.float32)


def mix(a: F32, b: F32 | Colour, weight: Field) -> F32:
    """``b`` over ``a`` where ``weight`` (H, W) is 1."""
    over: F32 = np.asarray(b, np.float32) - a
    over *= np.asarray(weight, np.float32)[..., None]
    over += a
    return over


def band(y: F32, start: float, stop: float, like: F32) -> F32:
    """1 between two rows and 0 elsewhere, edges smoothed, of the shape of ``like``.

    Args:
        y: (H,) row numbers.
        start: first row.
        stop: last row.
        like: (H, W).
    """
    rows = np.clip(y - np.float32(start), 0, 1) * np.clip(np.float32(stop) - y, 0, 1)
    return np.broadcast_to(rows[:, None], like.shape)


def polygon(size: tuple[int, int], points: Field) -> F32:
    """A filled polygon, edges smoothed; ``points`` (N, 2) are (x, y); (H, W) in [0, 1]."""
    canvas = np.zeros(size, np.uint8)
    fixed = np.round(points * 16).astype(np.int32)
    cv2.fillPoly(canvas, [fixed], 255, lineType=cv2.LINE_AA, shift=4)
    return (canvas / np.float32(255)).astype(np.float32)


def ellipse(size: tuple[int, int], centre: tuple[float, float], axes: tuple[float, float]) -> F32:
    """A filled upright ellipse, ``centre`` and ``axes`` as (x, y); (H, W) in [0, 1]."""
    angle = np.linspace(0, 2 * np.pi, 40, dtype=np.float32)
    points = np.stack([centre[0] + axes[0] * np.cos(angle), centre[1] + axes[1] * np.sin(angle)], 1)
    return polygon(size, points.astype(np.float32))


def blob(dice: Dice, size: tuple[int, int], radius: float, squash: float, rough: float) -> F32:
    """A filled shape with a wandering outline in the middle of the canvas; (H, W) in [0, 1]."""
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False, dtype=np.float32)
    wobble = np.ones_like(angle)
    for wave in range(2, 12):
        share = dice.uniform(0, rough) / wave**0.5
        wobble += share * np.cos(wave * angle + dice.uniform(0, 6.3))
    reach = radius * wobble
    x = size[1] / 2 + reach * np.cos(angle)
    y = size[0] / 2 + squash * reach * np.sin(angle)
    return polygon(size, np.stack([x, y], 1).astype(np.float32))


def revolve(radius: Field, width: int) -> tuple[F32, F32]:
    """A body of revolution seen from the side.

    Args:
        radius: (H,) half width of every row, pixels.
        width: width of the canvas.

    Returns:
        ``u`` (H, W), from -1 at the left edge of the body to 1 at its right one, and its
        coverage (H, W) in [0, 1].
    """
    x = np.arange(width, dtype=np.float32) - (width - 1) / 2
    across = np.maximum(radius, 0.5)[:, None]
    u = np.clip(x / across, -1.0, 1.0)
    coverage = np.clip(radius[:, None] - np.abs(x) + 0.5, 0, 1)
    return u.astype(np.float32), coverage.astype(np.float32)


def crumple(
    sprite: Sprite, dice: Dice, amount: float, spacing: float = 14.0, squash: float = 1.0
) -> Sprite:
    """The object dented: with an irregular outline and a folded surface.

    Args:
        sprite: sprite to crumple; it needs a margin.
        dice: draws.
        amount: 0 leaves it whole, 1 crushes it.
        spacing: pixels between folds.
        squash: factor of its height.
    """
    height, width = sprite.mask.shape
    half = (height // 2, width // 2)
    reach = amount * 0.18 * float(sprite.mask.sum()) ** 0.5
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x += cv2.resize(reach * fractal(dice, half, spacing * 1.4, 2), (width, height))
    y = height / 2 + (y - height / 2) / np.float32(squash)
    y += cv2.resize(reach * fractal(dice, half, spacing * 1.4, 2), (width, height))
    layers = np.dstack([sprite.rgb, sprite.alpha])
    moved = np.asarray(cv2.remap(layers, x, y, cv2.INTER_LINEAR), np.float32)
    mask = np.asarray(cv2.remap(sprite.mask, x, y, cv2.INTER_LINEAR), np.float32)
    light = 1 + amount * 0.6 * creases(dice, (height, width), spacing)
    return Sprite(np.clip(moved[..., :3] * light[..., None], 0, 1), moved[..., 3], mask)


def stain(sprite: Sprite, dice: Dice, amount: float) -> Sprite:
    """The object after weeks outdoors: faded, with soil on it."""
    size = sprite.mask.shape[0], sprite.mask.shape[1]
    grey = sprite.rgb.mean(axis=2, keepdims=True)
    faded = sprite.rgb + 0.5 * amount * (0.9 * grey + 0.08 - sprite.rgb)
    soil = np.clip(1.6 * fractal(dice, size, 40.0, 4, 0.7) - 0.1, 0, 0.8) * amount
    return sprite._replace(rgb=mix(faded, (0.24, 0.18, 0.12), soil.astype(np.float32)))


def turned(sprite: Sprite, length: float, angle: float) -> Sprite:
    """The object rotated by ``angle`` (radians), on a cropped canvas ``length`` pixels long.

    Colours are weighted by opacity while they are resampled, so that no dark fringe appears.
    Small objects are rotated at twice the size and averaged down.
    """
    fine = 2 if length < 80 else 1
    scale = fine * length / max(sprite.mask.shape)
    step = (
        max(2, round(sprite.mask.shape[1] * scale)),
        max(2, round(sprite.mask.shape[0] * scale)),
    )
    cos, sin = np.cos(angle), np.sin(angle)
    wide = 1 + int(np.ceil((abs(cos) * step[0] + abs(sin) * step[1]) / fine))
    tall = 1 + int(np.ceil((abs(sin) * step[0] + abs(cos) * step[1]) / fine))
    matrix = np.array([[cos, sin, 0], [-sin, cos, 0]])
    middle = np.array([wide * fine - 1, tall * fine - 1]) / 2
    matrix[:, 2] = middle - matrix[:, :2] @ ((np.array(step) - 1) / 2)

    def turn(layer: F32) -> F32:
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(layer, step, interpolation=way)
        moved = cv2.warpAffine(small, matrix, (wide * fine, tall * fine))
        if fine > 1:
            moved = cv2.resize(moved, (wide, tall), interpolation=cv2.INTER_AREA)
        return np.asarray(moved, np.float32)

    painted = turn(np.dstack([sprite.rgb * sprite.alpha[..., None], sprite.alpha]))
    mask = turn(sprite.mask)
    rgb: F32 = np.clip(painted[..., :3] / np.maximum(painted[..., 3:], 1e-4), 0, 1)
    rows, columns = np.nonzero(mask > 0.02)
    cut = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return Sprite(rgb[cut], painted[cut][..., 3], mask[cut])


def gloss(u: F32, centre: float, width: float) -> F32:
    """A soft highlight along the body at ``u = centre``."""
    return np.asarray(np.exp(-(((u - centre) / width) ** 2)), np.float32)
