"""Folded and crumpled objects: cartons and paper, bags and wrappers.

Every function takes the dice and returns one upright :class:`Sprite` about 150 pixels long.
"""

import cv2
import numpy as np

from dagen.datasets.synthetic.noise import F32, Dice, blur, creases, fractal
from dagen.datasets.synthetic.print import INKS, WHITES, artwork, face
from dagen.datasets.synthetic.sprite import (
    Colour,
    Sprite,
    blob,
    crumple,
    cut_out,
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
_SIZE = (160, 160)
_ROWS, _COLUMNS = np.mgrid[0:160, 0:160].astype(np.float32)
# A carrier bag: body, two handles, the opening between them; (x, y).
_CARRIER_X = (48, 50, 60, 64, 96, 100, 110, 112, 122, 118, 80, 42, 38)
_CARRIER_Y = (60, 14, 12, 52, 52, 12, 14, 60, 108, 150, 146, 150, 108)


def box(dice: Dice) -> Sprite:
    """A folding carton: front, side and top, printed or plain."""
    wide, tall = dice.uniform(45, 95), dice.uniform(60, 110)
    deep, rise = dice.uniform(12, 38), dice.uniform(8, 26)
    left, top = (160 - wide - deep) / 2, (160 - tall + rise) / 2
    right, bottom = left + wide, top + tall
    kraft = dice.chance(0.4)
    base = dice.pick(KRAFTS if kraft else WHITES * 2 + INKS[:5])
    plain = filled(base, np.ones((150, 110)))
    front = plain if kraft and dice.chance(0.5) else artwork(dice, (150, 110), base)
    side = front[:, ::-1] if dice.chance(0.5) else plain
    # The edges that the side shares with the front and with the top.
    near, far = (right, top), (right + deep, top - rise)
    faces = (
        (front, 0.95, [(left, top), near, (right, bottom), (left, bottom)]),
        (side, 0.62, [near, far, (right + deep, bottom - rise), (right, bottom)]),
        (plain, 1.12, [(left, top), (left + deep, top - rise), far, near]),
    )
    rgb, mask = np.zeros((*_SIZE, 3), np.float32), np.zeros(_SIZE, np.float32)
    for art, shade, corners in faces:
        picture, cover = face(art, np.array(corners, np.float32), _SIZE)
        rgb = mix(rgb, picture * np.float32(shade), cover)
        mask = np.maximum(mask, cover)
    rgb *= (1 + 0.06 * fractal(dice, _SIZE, 8.0, 3))[..., None]
    return crumple(cut_out(rgb, mask), dice, dice.uniform(0.05, 0.35), 30.0)


def sheet(dice: Dice) -> Sprite:
    """A flattened carton with a flap, or a sheet of printed paper, folded once or more."""
    half_w, half_h = dice.uniform(32, 58), dice.uniform(45, 66)
    corners = [(-half_w, -half_h), (half_w, -half_h), (half_w, half_h), (-half_w, half_h)]
    points = np.array(corners, np.float32) + 80 + dice.uniforms((4, 2), -7, 7)
    board = dice.chance(0.5)
    base = dice.pick(KRAFTS if board else WHITES)
    rgb, mask = face(artwork(dice, (150, 120), base), points, _SIZE)
    if board:
        corrugated = filled(base, 1 + 0.05 * np.sin(_COLUMNS * 1.6))
        rgb = mix(rgb, corrugated, np.full(_SIZE, dice.uniform(0.2, 1.0)))
        if dice.chance(0.6):
            flap = [(80 - half_w, 80), (62 - half_w, 90), (80 - half_w, 125)]
            mask = np.maximum(mask, polygon(_SIZE, np.array(flap, np.float32)))
    for _ in range(dice.integer(1, 4)):
        angle, shift = dice.uniform(0, np.pi), dice.uniform(-30, 30)
        away = (_COLUMNS - 80) * np.float32(np.cos(angle)) - np.float32(shift)
        away += (_ROWS - 80) * np.float32(np.sin(angle))
        crease = 0.20 * np.exp(-((away / 1.2) ** 2)) + 0.09 * np.tanh(away / 6)
        rgb *= (1 - crease)[..., None]
    rough = dice.uniform(0.1, 0.3) if board else dice.pick((0.15, 0.3, 0.75))
    return crumple(cut_out(rgb, mask), dice, rough, 18.0)


def _gathered(dice: Dice) -> F32:
    """Folds that run from a knot to the rim, (160, 160) in about -1 to 1.

    Noise is sampled on a circle at the pixel's direction from the knot, so that it is constant
    along a fold and has no seam.
    """
    y = _ROWS - np.float32(160 * dice.uniform(0.3, 0.6))
    x = _COLUMNS - np.float32(160 * dice.uniform(0.35, 0.65))
    away = np.hypot(x, y) + 1
    circle = fractal(dice, _SIZE, 13.0, 3, 0.6)
    to_x, to_y = 80 + 55 * x / away + 0.2 * x, 80 + 55 * y / away + 0.2 * y
    return np.asarray(cv2.remap(circle, to_x, to_y, cv2.INTER_LINEAR), np.float32)


def bag(dice: Dice) -> Sprite:
    """A thin plastic bag: a crumpled film, or a carrier bag with its two handles."""
    if dice.chance(0.4):
        outline = np.array([_CARRIER_X, _CARRIER_Y], np.float32).T
        shape = polygon(_SIZE, outline + dice.uniforms(outline.shape, -6, 6))
        drape = fractal(dice, _SIZE, (90.0, 11.0), 3, 0.6)
    else:
        shape = blob(dice, _SIZE, 54, dice.uniform(0.6, 1.0), 0.15)
        drape = _gathered(dice)
    folds = creases(dice, _SIZE, dice.uniform(9, 18))
    shine = np.clip(0.5 * folds + 1.6 * drape - 0.25, 0, 1)
    light = np.clip(0.70 + 0.35 * drape + 0.13 * folds + 0.5 * shine, 0.1, 1.3)
    hem = np.clip(shape - blur(shape, 3.0), 0, 1)
    film = dice.uniform(0.35, 0.75) + 0.10 * folds + 0.3 * drape + 0.5 * shine + 0.5 * hem
    alpha = np.clip(film, 0.2, 0.98)
    rgb = filled(dice.pick(FILMS), light)
    if dice.chance(0.35):
        printed = np.abs(artwork(dice, _SIZE, (1.0, 1.0, 1.0)) - 1).max(axis=2)
        ink = printed * (np.abs(_COLUMNS - 80) < 25) * (np.abs(_ROWS - 95) < 20)
        rgb = mix(rgb, filled(dice.pick(INKS[:6]), light), 0.8 * ink)
        alpha = np.maximum(alpha, 0.85 * ink)
    return crumple(cut_out(rgb, shape, alpha), dice, 0.35, 20.0)


def wrapper(dice: Dice) -> Sprite:
    """A crisp packet or a sweet wrapper: printed film with crimped ends and a hard gloss."""
    half = dice.uniform(28, 48)
    teeth = np.arange(80 - half, 80 + half, 4, dtype=np.float32)
    zigzag = 2.0 * (np.arange(len(teeth)) % 2)
    ends = np.stack([teeth, 14 + zigzag], 1), np.stack([teeth, 146 - zigzag], 1)[::-1]
    mask = polygon(_SIZE, np.concatenate(ends))
    off = np.abs(_ROWS - 80)
    puffed = 0.75 + 0.25 * np.cos((_COLUMNS - 80) / half * 1.3) - 0.10 * (off > 52)
    crimp = 1 + 0.14 * np.sin(_COLUMNS * 1.5) * (off > 54)
    shine = np.clip(fractal(dice, _SIZE, (45.0, 12.0), 3) * 2 - 0.25, 0, 1) ** 1.5
    art = artwork(dice, _SIZE, dice.pick(INKS[:7]))
    rgb = art * (puffed * crimp)[..., None] + 0.75 * shine[..., None]
    return crumple(cut_out(rgb, mask), dice, dice.uniform(0.3, 0.8), 13.0)
