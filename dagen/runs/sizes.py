"""Heights and widths in pixels as users give them; pydantic is not needed."""

from __future__ import annotations

from dagen.errors import UsageError, quoted, short

LARGEST = 16384
"""The longest side in pixels."""


def parse_size(text: str) -> tuple[int, int]:
    """Height and width from ``"224x448"``.

    Raises:
        UsageError: anything else.
    """
    height, _, width = text.lower().partition("x")
    if not all(side.isdecimal() and len(side) < 10 and int(side) for side in (height, width)):
        raise UsageError(
            f"size is '{short(text)}'; write height x width in pixels, such as 224x448."
        )
    return int(height), int(width)


def checked(size: str | tuple[int, int]) -> tuple[int, int]:
    """Height and width from text or from two numbers.

    Raises:
        UsageError: anything else, or a side outside 1 to :data:`LARGEST`.
    """
    sides = parse_size(size) if isinstance(size, str) else size
    if (
        not isinstance(sides, tuple | list)
        or len(sides) != 2
        or not all(isinstance(s, int) and not isinstance(s, bool) for s in sides)
        or not all(1 <= side <= LARGEST for side in sides)
    ):
        raise UsageError(
            f"size is {quoted(size)}; height and width are whole numbers from 1 to {LARGEST}."
        )
    return sides[0], sides[1]
