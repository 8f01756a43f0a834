"""What is folded and crumpled: cartons and paper, bags and wrappers.

Every function takes the dice and answers one upright :class:`Sprite` about 150 pixels long.
"""

import cv2
import numpy as np

from dagen.datasets._synth_noise import F32, Dice, blur, creases, fractal
from dagen.datasets._synth_sprite import (
    INKS, WHITES,
    Colour,
    Sprite,
    artwork,
    blob,
    crumple,
    empty,
    face,
    filled,
    mix,
    polygon,
)

KRAFTS: tuple[Colour, ...] = ((0.68, 0.50, 0.31), (0.60, 0.43, 0.27), (0.76, 0.60, 0.42))
FILMS: tuple[Colour, ...] = (
    (0.92, 0.93, 0.96),
    (0.82, 0.88, 0.97),
    (0.95, 0.95, 0.92),
    (0.55, 0.72, 0.93),
    (0.65, 0.88, 0.68),
    (0.97, 0.88, 0.50),
    (0.95, 0.70, 0.72),
)


def box(dice: Dice) -> Sprite:
    """A folding carton: front, side and top, printed or plain."""
    size = (160, 160)
    wide, tall = dice.uniform(45, 95), dice.uniform(60, 110)
    deep, rise = dice.uniform(12, 38), dice.uniform(8, 26)
    left, top = (160 - wide - deep) / 2, (160 - tall + rise) / 2
    right, bottom = left + wide, top + tall
    kraft = dice.chance(0.4)
    base = dice.pick(KRAFTS) if kraft else dice.pick(WHITES + INKS[:6])
    front = artwork(dice, (150, 110), base)
    if kraft and dice.chance(0.5):
        front = filled(base, np.ones((150, 110), np.float32))
    side = front[:, ::-1] if dice.chance(0.5) else filled(base, np.ones((150, 110), np.float32))
    sides = [
        (front, [(left, top), (right, top), (right, bottom), (left, bottom)], 0.95),
        (
            np.ascontiguousarray(side),
            [
                (right, top),
                (right + deep, top - rise),
                (right + deep, bottom - rise),
                (right, bottom),
            ],
            0.62,
        ),
        (
            filled(base, np.ones((20, 20), np.float32)),
            [(left, top), (left + deep, top - rise), (right + deep, top - rise), (right, top)],
            1.12,
        ),
    ]
    rgb, mask = empty(*size), np.zeros(size, np.float32)
    for art, corners, shade in sides:
        picture, cover = face(art, np.array(corners, np.float32), size)
        rgb = mix(rgb, picture * np.float32(shade), cover)
        mask = np.maximum(mask, cover)
    rgb = rgb * (1 + 0.06 * fractal(dice, size, 8.0, 3))[..., None]
    return crumple(Sprite(np.clip(rgb, 0, 1), mask, mask), dice, dice.uniform(0.05, 0.35), 30.0)


def sheet(dice: Dice) -> Sprite:
    """A flattened carton with flaps, or a sheet of printed paper, folded once or twice."""
    size = (160, 160)
    half_w, half_h = dice.uniform(32, 58), dice.uniform(45, 66)
    corners = [(-half_w, -half_h), (half_w, -half_h), (half_w, half_h), (-half_w, half_h)]
    points = np.array(corners, np.float32) + 80 + dice.uniforms((4, 2), -7, 7)
    board = dice.chance(0.5)
    base = dice.pick(KRAFTS) if board else dice.pick(WHITES)
    rgb, mask = face(artwork(dice, (150, 120), base), points, size)
    if board:
        plain = filled(base, 1 + 0.05 * np.sin(np.mgrid[0:160, 0:160][1] * 1.6).astype(np.float32))
        rgb = mix(rgb, plain, np.full(size, dice.uniform(0.2, 1.0), np.float32))
        if dice.chance(0.6):
            flap = np.array(
                [(80 - half_w, 80), (80 - half_w - 18, 90), (80 - half_w, 125)], np.float32
            )
            mask = np.maximum(mask, polygon(size, flap))
    rows, columns = np.mgrid[0:160, 0:160].astype(np.float32)
    for _ in range(dice.integer(1, 4)):
        angle, shift = dice.uniform(0, np.pi), dice.uniform(-30, 30)
        away = (columns - 80) * np.cos(angle) + (rows - 80) * np.sin(angle) - shift
        crease = 0.20 * np.exp(-((away / 1.2) ** 2)) + 0.09 * np.tanh(away / 6)
        rgb = rgb * (1 - crease)[..., None]
    rough = dice.uniform(0.1, 0.3) if board else dice.pick((0.15, 0.3, 0.75))
    return crumple(Sprite(np.clip(rgb, 0, 1).astype(np.float32), mask, mask), dice, rough, 18.0)


def _gathered(dice: Dice, size: tuple[int, int]) -> F32:
    """Folds that run from a knot to the rim, (H, W) in about -1 to 1.

    Noise is read along a circle, at the direction in which a pixel lies from the knot: the
    same all along a fold, and without a seam.
    """
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    y -= size[0] * np.float32(dice.uniform(0.3, 0.6))
    x -= size[1] * np.float32(dice.uniform(0.35, 0.65))
    away = np.hypot(x, y) + 1
    circle = fractal(dice, (160, 160), 13.0, 3, 0.6)
    return np.asarray(
        cv2.remap(
            circle, 80 + 55 * x / away + 0.2 * x, 80 + 55 * y / away + 0.2 * y, cv2.INTER_LINEAR
        ),
        np.float32,
    )


def bag(dice: Dice) -> Sprite:
    """A thin plastic bag: a crumpled film, or a carrier bag with its two handles."""
    size = (160, 160)
    if dice.chance(0.4):
        outline = np.array(
            [
                (48, 60),
                (50, 14),
                (60, 12),
                (64, 52),
                (96, 52),
                (100, 12),
                (110, 14),
                (112, 60),
                (122, 108),
                (118, 150),
                (80, 146),
                (42, 150),
                (38, 108),
            ],
            np.float32,
        )
        shape = polygon(size, outline + dice.uniforms(outline.shape, -6, 6))
        drape = fractal(dice, size, (90.0, 11.0), 3, 0.6)
    else:
        shape = blob(dice, size, 54, dice.uniform(0.6, 1.0), 0.15)
        drape = _gathered(dice, size)
    folds = creases(dice, size, dice.uniform(9, 18))
    shine = np.clip(0.5 * folds + 1.6 * drape - 0.25, 0, 1)
    light = 0.70 + 0.35 * drape + 0.13 * folds + 0.5 * shine
    edge = np.clip(shape - blur(shape, 3.0), 0, 1)
    thick = dice.uniform(0.35, 0.75)
    alpha = shape * np.clip(
        thick + 0.10 * folds + 0.3 * drape + 0.5 * shine + 0.5 * edge, 0.2, 0.98
    )
    rgb = filled(dice.pick(FILMS), np.clip(light, 0.1, 1.3).astype(np.float32))
    if dice.chance(0.35):
        ink = np.abs(artwork(dice, size, (1.0, 1.0, 1.0)) - 1).max(axis=2)
        tint = polygon(size, np.array([(55, 75), (105, 75), (105, 115), (55, 115)], np.float32))
        rgb = mix(rgb, filled(dice.pick(INKS[:6]), light), (ink * tint * 0.8).astype(np.float32))
        alpha = np.maximum(alpha, shape * ink * tint * 0.85)
    whole = Sprite(np.clip(rgb, 0, 1).astype(np.float32), alpha.astype(np.float32), shape)
    return crumple(whole, dice, 0.35, 20.0)


def wrapper(dice: Dice) -> Sprite:
    """A crisp packet or a sweet wrapper: printed film with crimped ends and a hard gloss."""
    size = (160, 130)
    half = dice.uniform(28, 48)
    teeth = np.arange(65 - half, 65 + half, 4, dtype=np.float32)
    zigzag = 2.0 * (np.arange(len(teeth)) % 2)
    top = np.stack([teeth, 14 + zigzag], 1)
    outline = np.concatenate([top, np.stack([teeth, 146 - zigzag], 1)[::-1]]).astype(np.float32)
    mask = polygon(size, outline)
    rows, columns = np.mgrid[0:160, 0:130].astype(np.float32)
    puffed = 0.75 + 0.25 * np.cos((columns - 65) / half * 1.3) - 0.10 * (np.abs(rows - 80) > 52)
    crimp = 1 + 0.14 * np.sin(columns * 1.5) * (np.abs(rows - 80) > 54)
    shine = np.clip(fractal(dice, size, (45.0, 12.0), 3) * 2 - 0.25, 0, 1) ** 1.5
    art = artwork(dice, size, dice.pick(INKS[:7]))
    rgb = art * (puffed * crimp)[..., None] + 0.75 * shine[..., None]
    whole = Sprite(np.clip(rgb, 0, 1).astype(np.float32), mask, mask)
    return crumple(whole, dice, dice.uniform(0.3, 0.8), 13.0)
