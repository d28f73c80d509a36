"""Colours for classes that come without."""

import colorsys

RGB = tuple[int, int, int]


def distinct_colours(count: int) -> tuple[RGB, ...]:
    """RGB colours, 0..255: neighbours differ in hue by the golden section of the circle, and in brightness."""
    turn = (5**0.5 - 1) / 2
    return tuple(_colour(number * turn % 1.0, 0.95 if number % 2 else 0.7) for number in range(count))


def _colour(hue: float, value: float) -> RGB:
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75, value)
    return round(255 * red), round(255 * green), round(255 * blue)
