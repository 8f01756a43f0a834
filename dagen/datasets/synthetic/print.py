"""Printed artwork of packaging, and its mapping onto a surface."""

import cv2
import numpy as np

from dagen.datasets.synthetic.noise import F32, Dice
from dagen.datasets.synthetic.sprite import Colour, polygon

WORDS = (
    "FIZZ",
    "COLA",
    "OATS",
    "MILK",
    "ZING",
    "POP",
    "SUN",
    "KIWI",
    "NOVA",
    "MINT",
    "YUM",
    "AQUA",
)
INKS: tuple[Colour, ...] = (
    (0.80, 0.07, 0.08),
    (0.08, 0.22, 0.62),
    (0.05, 0.45, 0.20),
    (0.95, 0.75, 0.08),
    (0.92, 0.42, 0.05),
    (0.10, 0.55, 0.70),
    (0.45, 0.12, 0.50),
    (0.08, 0.08, 0.09),
    (0.93, 0.93, 0.90),
)
WHITES: tuple[Colour, ...] = ((0.93, 0.93, 0.91), (0.90, 0.88, 0.80), (0.86, 0.90, 0.95))


def artwork(dice: Dice, size: tuple[int, int], base: Colour) -> F32:
    """The flat print of a packaging: bands, discs, a brand name, small print; (H, W, 3)."""
    height, width = size
    art = np.empty((height, width, 3), np.uint8)
    art[:] = np.array(base) * 255
    inks = [tuple(255 * v for v in ink) for ink in INKS if abs(sum(ink) - sum(base)) > 0.4]
    ink = dice.pick(inks)
    for _ in range(dice.integer(1, 4)):
        x, y = dice.integer(0, width), dice.integer(0, height)
        kind, colour = dice.integer(0, 4), dice.pick(inks)
        if kind == 0:
            cv2.rectangle(art, (0, y), (width, y + height // dice.integer(5, 14)), colour, -1)
        elif kind == 1:
            cv2.circle(art, (width // 2, y), int(min(size) * dice.uniform(0.15, 0.4)), colour, -1)
        elif kind == 2:
            axes = (width, int(height * dice.uniform(0.1, 0.3)))
            cv2.ellipse(art, (x, y), axes, dice.uniform(-50, 50), 0, 180, colour, -1)
        else:
            start = (x - width, y + height // 2)
            cv2.line(art, start, (x + width, y - height // 2), colour, dice.integer(4, 14))
    word = dice.pick(WORDS)
    scale = width * 0.045 / len(word)
    base_line = (int(width * 0.06), int(height * dice.uniform(0.3, 0.6)))
    cv2.putText(art, word, base_line, cv2.FONT_HERSHEY_DUPLEX, scale, ink, max(2, int(scale * 4)))
    for row in range(int(height * 0.75), int(height * 0.93), 5):
        cv2.line(art, (width // 8, row), (int(width * dice.uniform(0.5, 0.9)), row), ink, 1)
    return (art / np.float32(255)).astype(np.float32)


def wrap(art: F32, u: F32, turn: float) -> F32:
    """``art`` rolled around a body of revolution, half of it visible; (H, W, 3)."""
    height, width = art.shape[:2]
    around = np.arcsin(u) / np.pi + 0.5
    x = (around * width * 0.75 + turn * width) % (width - 1)
    y = np.broadcast_to(np.linspace(0, height - 1, u.shape[0], dtype=np.float32)[:, None], u.shape)
    return np.asarray(cv2.remap(art, x.astype(np.float32), y, cv2.INTER_LINEAR), np.float32)


def face(art: F32, corners: F32, size: tuple[int, int]) -> tuple[F32, F32]:
    """``art`` stretched onto a quadrilateral: (H, W, 3) and its coverage (H, W).

    Args:
        art: flat picture.
        corners: (4, 2) as (x, y): top left, top right, bottom right, bottom left.
        size: (H, W) of the canvas.
    """
    height, width = art.shape[:2]
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(flat, corners.astype(np.float32))
    picture = cv2.warpPerspective(
        art, matrix, (size[1], size[0]), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(picture, np.float32), polygon(size, corners)
