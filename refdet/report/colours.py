"""One colour per class, the same in every plot and picture."""

from __future__ import annotations

Colour = tuple[int, int, int]
"""Red, green and blue in 0..255."""

# Okabe and Ito, "Color Universal Design" (2008): told apart by colour-blind readers too. Black is
# left out, since text and axes have it; yellow comes last, since it is faint on white.
PALETTE = (
    (0, 114, 178),  # blue
    (213, 94, 0),  # vermilion
    (0, 158, 115),  # bluish green
    (204, 121, 167),  # reddish purple
    (86, 180, 233),  # sky blue
    (230, 159, 0),  # orange
    (240, 228, 66),  # yellow
)


def class_colour(label: int) -> Colour:
    """The colour of a class; the colours repeat after seven classes."""
    return PALETTE[label % len(PALETTE)]


def plot_colour(label: int) -> tuple[float, float, float]:
    """The same colour with its parts in [0, 1], as matplotlib wants it."""
    red, green, blue = class_colour(label)
    return red / 255, green / 255, blue / 255
