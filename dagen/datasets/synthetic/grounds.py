"""The grounds under the waste: a dark conveyor belt, and natural grounds in daylight.

Every ground is a function of (dice, (H, W)) and, outdoors, of the direction of the light in
radians; it returns RGB (H, W, 3), nearly all of it in [0, 1].
"""

from collections.abc import Callable

import cv2
import numpy as np

from dagen.datasets.synthetic.noise import F32, Dice, blur, cells, fractal, relief, value_noise
from dagen.datasets.synthetic.sprite import Colour, filled, mix

Size = tuple[int, int]
FOLIAGE: tuple[tuple[Colour, ...], ...] = (
    ((0.45, 0.28, 0.13), (0.55, 0.38, 0.19), (0.36, 0.24, 0.14), (0.62, 0.50, 0.32)),
    ((0.60, 0.32, 0.10), (0.64, 0.47, 0.16), (0.42, 0.22, 0.10), (0.50, 0.18, 0.10)),
    ((0.22, 0.38, 0.12), (0.32, 0.46, 0.16), (0.16, 0.28, 0.10), (0.42, 0.50, 0.20)),
)
"""Colours of brown, autumn and green leaves."""


def belt(dice: Dice, size: Size) -> F32:
    """A black rubber belt under one lamp: grain, fall-off, a seam, reddish specks, an edge."""
    height, width = size
    rows = np.arange(height, dtype=np.float32)[:, None]
    columns = np.arange(width, dtype=np.float32)[None]
    down = np.exp(-3 * (rows / height - dice.uniform(-0.1, 1.1)) ** 2)
    across = np.exp(-3 * (columns / width - dice.uniform(-0.1, 1.1)) ** 2)
    lamp = dice.uniform(0.05, 0.085) + dice.uniform(0.03, 0.11) * down * across
    if dice.chance(0.3):
        lamp *= dice.uniform(1.2, 2.4)
    grain = 0.005 * value_noise(dice, size, (1.3, 2.6)) + 0.006 * fractal(dice, size, 30.0, 3)
    threads = np.sin(rows * dice.uniform(1.2, 2.2)) * np.sin(columns * dice.uniform(1.2, 2.2))
    # Years of use: smears and scuffs along the belt's direction.
    worn = fractal(dice, size, (dice.uniform(8, 30), dice.uniform(40, 120)), 4, 0.7)
    scuffs = np.clip(value_noise(dice, size, (1.5, 40.0)) - 0.55, 0, 1)
    wear = dice.uniform(0, 1) ** 2
    shade = lamp * (1 + wear * (0.9 * worn + 1.5 * scuffs)) + grain + 0.0025 * threads
    if dice.chance(0.45):
        angle, middle = dice.uniform(-0.15, 0.15), dice.uniform(0, width)
        away = (columns - middle) * np.float32(np.cos(angle)) + rows * np.float32(np.sin(angle))
        shade += 0.035 * np.exp(-((away / 1.2) ** 2)) - 0.03 * np.exp(-(((away - 3) / 2) ** 2))
    rgb = filled((0.92, 0.93, 1.25), shade)
    specks = np.zeros(size, np.float32)
    count = dice.integer(0, 60)
    at = (dice.uniforms((count, 2)) * np.array(size, np.float32)).astype(int)
    specks[at[:, 0], at[:, 1]] = dice.uniforms((count,), 0.4, 2.2)
    rgb = mix(rgb, (0.42, 0.14, 0.11), np.clip(blur(specks, 0.7), 0, 0.8))
    if dice.chance(0.12):
        edge = height - dice.integer(6, 14)
        rgb[edge:] = np.array((0.52, 0.42, 0.06)) * (0.8 + 4 * grain[edge:, :, None])
    return rgb


def _strokes(canvas: F32, lines: F32, colours: F32, thickness: int) -> F32:
    """Curves (N, points, 2) painted in order, in a handful of colours (K, 3) for speed."""
    picture = np.clip(canvas * 255, 0, 255).astype(np.uint8)
    fixed = np.round(lines * 8).astype(np.int32)
    for part, colour in zip(np.array_split(fixed, len(colours)), colours, strict=True):
        shade = tuple(float(255 * v) for v in colour)
        cv2.polylines(picture, list(part), False, shade, thickness, cv2.LINE_AA, 3)
    return (picture / np.float32(255)).astype(np.float32)


def _blades(dice: Dice, count: int, size: Size, length: float, lean: float, spread: float) -> F32:
    """Curved blades of grass (N, 4, 2) as (x, y), leaning about one direction."""
    root = dice.uniforms((count, 1, 2), -0.06, 1.06) * np.array([size[1], size[0]], np.float32)
    angle = lean + spread * dice.normals((count, 1))
    bend = 0.6 * dice.normals((count, 1))
    along = np.linspace(0, 1, 4, dtype=np.float32)[None]
    reach = length * dice.uniforms((count, 1), 0.4, 1.3) * along
    way = angle + bend * along
    return root + np.stack([reach * np.cos(way), -reach * np.sin(way)], 2)


def grass(dice: Dice, size: Size, light: float) -> F32:
    """A lawn or dry meadow: thousands of blades, dark ones first."""
    patch = fractal(dice, size, 70.0, 3)
    rgb = filled((0.15, 0.17, 0.07), 1 + 0.5 * patch)
    dry = dice.uniform(-0.2, 1.1)
    fresh: Colour = (0.32, 0.46, 0.15)
    straw: Colour = (0.64, 0.58, 0.34)
    lean, length = dice.uniform(0, 2 * np.pi), dice.uniform(12, 26)
    lines = _blades(dice, 6000, size, length, lean, 0.8)
    steps = np.linspace(0.4, 1.3, 22, dtype=np.float32)[:, None]
    share = np.clip(dry + 0.35 * dice.normals((22, 1)), 0, 1)
    colours = steps * (
        np.array(fresh, np.float32) * (1 - share) + np.array(straw, np.float32) * share
    )
    rgb = _strokes(rgb, lines, np.clip(colours, 0, 1), 1)
    return (rgb * (1 + 0.35 * patch)[..., None]).astype(np.float32)


def gravel(dice: Dice, size: Size, light: float) -> F32:
    """Pebbles lit from one side, sand in the gaps."""
    spacing = dice.uniform(9, 22)
    ids, edge = cells(dice, size, spacing)
    count = int(ids.max()) + 1
    tone = dice.uniforms((count, 1), 0.35, 0.95)
    warm = dice.uniforms((count, 1), -0.10, 0.10) * np.array([[1.0, 0.1, -1.0]], np.float32)
    stones = np.clip(tone + warm * dice.uniform(0.4, 1.0), 0, 1).astype(np.float32)[ids]
    dome = blur(spacing * 0.55 * np.sqrt(np.clip(edge / (0.45 * spacing), 0, 1)), 0.9)
    rough = fractal(dice, size, 7.0, 3)
    lit = relief(dome + 1.2 * rough, light, 0.55)
    gap = np.clip(1 - edge / 2.2, 0, 1)
    rgb = stones * (lit * (1 + 0.12 * rough))[..., None] * 0.75
    return mix(rgb.astype(np.float32), (0.10, 0.09, 0.07), gap * np.float32(0.85))


def asphalt(dice: Dice, size: Size, light: float) -> F32:
    """A road: aggregate, stains, cracks and now and then a painted line."""
    base = dice.uniform(0.30, 0.50)
    fine = value_noise(dice, size, 1.8)
    stains = fractal(dice, size, 90.0, 4, 0.6)
    shade = base * (1 + 0.30 * stains) + 0.09 * fine * relief(
        2 * value_noise(dice, size, 3.0), light, 0.8
    )
    chips = value_noise(dice, size, 3.2)
    shade = shade + 0.26 * np.clip(chips - 0.55, 0, 1) * 2 - 0.20 * np.clip(-chips - 0.5, 0, 1) * 2
    rgb = filled((1.0, 0.985, 0.95), shade.astype(np.float32))
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    if dice.chance(0.45):
        angle, half = dice.uniform(0, np.pi), dice.uniform(8, 22)
        x0, y0 = dice.uniform(0.2, 0.8) * size[1], dice.uniform(0.2, 0.8) * size[0]
        away = np.abs((columns - x0) * np.cos(angle) + (rows - y0) * np.sin(angle))
        worn = np.clip(1.3 + 1.5 * fractal(dice, size, 12.0, 3) - 0.6 * np.abs(fine), 0, 1)
        paint: Colour = dice.pick(((0.88, 0.88, 0.84), (0.88, 0.88, 0.84), (0.86, 0.68, 0.14)))
        rgb = mix(
            rgb,
            filled(paint, 1 + 0.1 * fine),
            (np.clip(half - away, 0, 1) * worn).astype(np.float32),
        )
    if dice.chance(0.5):
        wander = 30 * fractal(dice, size, 60.0, 4)
        away = np.abs(columns * np.cos(0.4) + rows * np.sin(0.4) - dice.uniform(60, 250) + wander)
        rgb = rgb * (1 - 0.75 * np.exp(-((away / 1.1) ** 2)))[..., None]
    return rgb.astype(np.float32)


def sand(dice: Dice, size: Size, light: float) -> F32:
    """A beach: grains, ripples, dents of feet, shell chips."""
    ripple = fractal(dice, size, (dice.uniform(16, 40), dice.uniform(30, 90)), 3, 0.4)
    feet = fractal(dice, size, 34.0, 2)
    grain = value_noise(dice, size, 1.6)
    lit = relief(9 * ripple + 7 * feet + 0.3 * grain, light, 0.6)
    warm = dice.uniform(0, 1)
    colour: Colour = (0.70, 0.60 - 0.03 * warm, 0.47 - 0.13 * warm)
    rgb = filled(colour, lit * (1 + 0.16 * grain) * dice.uniform(0.8, 1.05))
    chips = np.clip(value_noise(dice, size, 2.5) - 0.78, 0, 1) * 5
    return mix(rgb, (0.90, 0.87, 0.80), np.clip(chips, 0, 0.8).astype(np.float32))


def leaf_outlines(dice: Dice, centres: F32, length: float) -> F32:
    """Pointed leaves (N, 18, 2), turned at random about ``centres`` (N, 2) as (x, y)."""
    count = len(centres)
    t = np.linspace(0, np.pi, 9, dtype=np.float32)
    slim = dice.uniforms((count, 1), 0.28, 0.55)
    x = np.broadcast_to(-np.cos(t), (count, 9))
    y = slim * np.clip(np.sin(t), 0, 1) ** 1.3
    sides = np.concatenate([np.stack([x, y], 2), np.stack([x, -y], 2)[:, ::-1]], axis=1)
    angle = dice.uniforms((count,), 0, 2 * np.pi)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.stack([np.stack([cos, sin], 1), np.stack([-sin, cos], 1)], 1)
    half = length / 2 * dice.uniforms((count, 1, 1), 0.6, 1.2)
    return np.asarray((sides * half) @ turn + centres[:, None], np.float32)


def leaves(dice: Dice, size: Size, light: float) -> F32:
    """A forest floor: layers of fallen leaves, each with a shadow and a midrib."""
    rgb = filled((0.16, 0.12, 0.08), 1 + 0.6 * fractal(dice, size, 12.0, 4))
    picture = np.clip(rgb * 255, 0, 255).astype(np.uint8)
    tones: tuple[Colour, ...] = dice.pick(FOLIAGE)
    count, span = 330, dice.uniform(28, 46)
    places = dice.uniforms((count, 2), -0.05, 1.05) * np.array([size[1], size[0]], np.float32)
    outlines = leaf_outlines(dice, places, span)
    shadow = np.array([-np.cos(light), np.sin(light)], np.float32) * 2.5
    depth = np.linspace(0.35, 1.2, count, dtype=np.float32) * dice.uniforms((count,), 0.75, 1.2)
    which = (dice.uniforms((count,)) * len(tones)).astype(int)
    colours = np.array(tones, np.float32)[which] * depth[:, None] * 255
    fixed = np.round(outlines * 8).astype(np.int32)
    under = np.round((outlines + shadow) * 8).astype(np.int32)
    ribs, darks = np.clip(colours * 1.3, 0, 255).tolist(), (colours * 0.22).tolist()
    for shape, below, colour, rib, dark in zip(
        fixed, under, colours.tolist(), ribs, darks, strict=True
    ):
        cv2.fillPoly(picture, [below], dark, cv2.LINE_AA, 3)
        cv2.fillPoly(picture, [shape], colour, cv2.LINE_AA, 3)
        cv2.line(picture, shape[0].tolist(), shape[8].tolist(), rib, 1, cv2.LINE_AA, 3)
    texture = relief(2.5 * fractal(dice, size, 9.0, 3), light, 0.5)
    return (picture / np.float32(255) * texture[..., None]).astype(np.float32)


def paving(dice: Dice, size: Size, light: float) -> F32:
    """Concrete slabs with joints, one tone per slab."""
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    angle = dice.uniform(-0.5, 0.5)
    tall, wide = dice.uniform(45, 90), dice.uniform(60, 130)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    v = (rows * cos - columns * sin) / np.float32(tall) + 50
    row = np.floor(v)
    u = (rows * sin + columns * cos) / np.float32(wide) + 50 + row / 2
    column = np.floor(u)
    slab = row.astype(np.int32) % 64 * 64 + column.astype(np.int32) % 64
    tones = dice.uniforms((64 * 64,), -0.09, 0.09)[slab]
    v, u = v - row, u - column
    gap = np.minimum(np.minimum(v, 1 - v) * tall, np.minimum(u, 1 - u) * wide)
    rough = value_noise(dice, size, 2.0)
    lit = relief(1.5 * np.clip(gap / 2.5, 0, 1) + 0.5 * rough, light, 0.5)
    shade = (dice.uniform(0.5, 0.68) + tones + 0.10 * fractal(dice, size, 60.0, 4, 0.6)) * lit
    tint: Colour = dice.pick(((1.0, 0.98, 0.94), (1.05, 0.93, 0.80), (1.02, 0.88, 0.82)))
    rgb = filled(tint, (shade + 0.05 * rough).astype(np.float32))
    return mix(rgb, (0.17, 0.17, 0.12), np.clip(1.8 - gap, 0, 1) * np.float32(0.8))


NATURAL: dict[str, Callable[[Dice, Size, float], F32]] = {
    "grass": grass,
    "gravel": gravel,
    "asphalt": asphalt,
    "sand": sand,
    "leaves": leaves,
    "paving": paving,
}
"""The grounds of the litter twin by scene tag."""
