"""Samples whose pixels say what their boxes and labels must be: each object has its colour."""

from __future__ import annotations

from typing import NamedTuple

import torch
from hypothesis import strategies as st
from torch import Tensor

COLOURS = torch.tensor([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]])
"""By label. Nothing else in an image, mean colour or black, is nearer than 128 to any of them."""
RECTANGLES = torch.tensor(
    [[5.0, 5, 60, 40], [70, 8, 150, 60], [10, 70, 50, 115], [90, 75, 110, 90]]
)


class Painted(NamedTuple):
    image: Tensor
    boxes_xyxy: Tensor
    labels: Tensor


def paint(width: int, height: int, boxes_xyxy: Tensor, labels: Tensor) -> Painted:
    """Black, but for one rectangle of its label's colour for each box; later ones lie above."""
    image = torch.zeros((3, height, width), dtype=torch.uint8)
    for label, (x1, y1, x2, y2) in zip(labels, boxes_xyxy.int().tolist(), strict=True):
        image[:, y1:y2, x1:x2] = COLOURS[label][:, None, None]
    return Painted(image, boxes_xyxy, labels)


def coloured_rectangles() -> Tensor:
    """160 x 120 pixels with `RECTANGLES`, labelled 0 to 3."""
    return paint(160, 120, RECTANGLES, torch.arange(4)).image


@st.composite
def painted_samples(draw: st.DrawFn, max_side: int = 60) -> Painted:
    """Up to 4 objects in an image of 20 to `max_side` pixels, one in each quarter of it."""
    width, height = (draw(st.integers(20, max_side)) for _ in range(2))
    quarters = draw(st.lists(st.sampled_from(range(4)), unique=True))
    boxes, labels = [], []
    for quarter in quarters:
        left, top = (quarter % 2) * (width // 2), (quarter // 2) * (height // 2)
        x1, y1 = draw(st.integers(0, width // 2 - 4)), draw(st.integers(0, height // 2 - 4))
        x2, y2 = draw(st.integers(x1 + 4, width // 2)), draw(st.integers(y1 + 4, height // 2))
        boxes.append([left + x1, top + y1, left + x2, top + y2])
        labels.append(draw(st.integers(0, 3)))
    given = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return paint(width, height, given, torch.tensor(labels, dtype=torch.int64))


def two_tones() -> Tensor:
    """(3, 4, 4) floats: a reddish left half and a darker, bluish right half."""
    image = torch.tensor([0.6, 0.5, 0.4])[:, None, None].repeat(1, 4, 4)
    image[:, :, 2:] = torch.tensor([0.2, 0.25, 0.3])[:, None, None]
    return image


def colour_factors(image: Tensor) -> tuple[float, float, float]:
    """By which brightness, contrast and saturation of `two_tones` were multiplied.

    Brightness multiplies everything, contrast how far two pixels' greys are apart, and saturation
    how far a pixel's channels are, whatever the order of the three.
    """
    ratios = []
    for tones in (image, two_tones()):
        left, right = tones[:, 0, 0], tones[:, 0, 3]
        grey_left, grey_right = (
            tone @ torch.tensor([0.299, 0.587, 0.114]) for tone in (left, right)
        )
        mean = (grey_left + grey_right) / 2
        apart = grey_left - grey_right
        ratios.append(torch.stack([mean, apart / mean, (left[0] - left[2]) / apart]))
    brightness, contrast, saturation = (ratios[0] / ratios[1]).tolist()
    return brightness, contrast, saturation


def in_bytes(image: Tensor) -> Tensor:
    """The image in 0..255, as int32, whatever its dtype."""
    return (image * 255).round().int() if image.is_floating_point() else image.int()


def extent(image: Tensor, colour: Tensor) -> tuple[int, int, int, int] | None:
    """The smallest box that holds every pixel which is nearer to a colour than to black."""
    distance = (in_bytes(image) - colour[:, None, None]).abs().amax(dim=0)
    rows, columns = torch.nonzero(distance < 128, as_tuple=True)
    if not len(rows):
        return None
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def assert_labels_match_colours(image: Tensor, boxes_xyxy: Tensor, labels: Tensor) -> None:
    """Each box lies in the image, and the pixel in its middle has its label's colour."""
    height, width = image.shape[-2:]
    assert len(boxes_xyxy) == len(labels)
    for (x1, y1, x2, y2), label in zip(boxes_xyxy.tolist(), labels.tolist(), strict=True):
        assert 0 <= x1 <= x2 - 1
        assert 0 <= y1 <= y2 - 1
        assert x2 <= width
        assert y2 <= height
        pixel = in_bytes(image)[:, int((y1 + y2) / 2), int((x1 + x2) / 2)]
        distances = (COLOURS - pixel).abs().amax(dim=1)
        assert distances[label] == distances.min() < 128, f"{pixel.tolist()} for label {label}"
