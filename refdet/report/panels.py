"""Pictures of what a detector saw: ground truth beside predictions, and grids of samples."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from refdet.records import F64, I64, Detections, GroundTruth
from refdet.report.colours import class_colour
from refdet.report.drawing import Mark, draw_marks, font

U8 = NDArray[np.uint8]

_SHORTEST, _LONGEST = 560, 1000
"""A panel's longer side is brought between these, so that labels neither drown nor dominate."""
_TILE = 320
_MARGIN = 10
_HEADING, _CAPTION = 16, 14
_LINE = 20
CROSS = "\N{MULTIPLICATION SIGN}"


def draw_comparison(
    image: U8,
    ground_truth: GroundTruth,
    detections: Detections,
    class_names: Sequence[str],
    false_positives: Collection[int] = (),
    missed: Collection[int] = (),
) -> Image.Image:
    """The ground truth on the left, the predictions on the right, counts per class below.

    False positives are dashed with a cross on their label; missed objects are dashed on the left.

    Args:
        image: (H, W, 3) uint8 RGB, of the ground truth's size.
        ground_truth: of the image.
        detections: those to show, in the image's pixels.
        class_names: by label.
        false_positives: rows of `detections`.
        missed: rows of `ground_truth`.

    Raises:
        ValueError: the image has another shape or dtype, or a label has no name.
    """
    _check_image(image, (ground_truth.height, ground_truth.width))
    scale = panel_scale(image)
    objects = list(_object_marks(ground_truth, class_names, missed, scale))
    found = list(_detection_marks(detections, class_names, false_positives, scale))
    notes = [f"{CROSS} dashed: false positives ({len(false_positives)})"]
    notes += [f"dashed: missed ({len(missed)})"]
    explained = [note for note, rows in zip(notes, (false_positives, missed), strict=True) if rows]
    return page_of(
        ground_truth.image,
        [
            (f"Ground truth: {len(objects)}", marked_panel(image, objects, scale)),
            (f"Predictions: {len(found)}", marked_panel(image, found, scale)),
        ],
        [*count_captions(ground_truth, detections, class_names), *explained],
    )


def draw_predictions(image: U8, detections: Detections, class_names: Sequence[str]) -> Image.Image:
    """The predictions alone, for an image without annotation, with counts per class below.

    Args:
        image: (H, W, 3) uint8 RGB.
        detections: those to show, in the image's pixels.
        class_names: by label.

    Raises:
        ValueError: the image has another shape or dtype, or a label has no name.
    """
    _check_image(image)
    scale = panel_scale(image)
    found = list(_detection_marks(detections, class_names, (), scale))
    panel = (f"Predictions: {len(found)}", marked_panel(image, found, scale))
    return page_of(detections.image, [panel], count_captions(None, detections, class_names))


def draw_grid(
    images: Sequence[U8],
    boxes_xyxy: Sequence[F64],
    labels: Sequence[I64],
    class_names: Sequence[str],
    columns: int = 4,
) -> Image.Image:
    """Training samples with their objects, in rows of `columns`.

    Args:
        images: (H, W, 3) uint8 RGB each.
        boxes_xyxy: (N, 4) each, in pixels.
        labels: (N,) each.
        class_names: by label.
        columns: how many samples stand side by side.

    Raises:
        ValueError: lengths differ, an image has another shape or dtype, or a label has no name.
    """
    panels: list[Image.Image] = []
    for image, boxes, classes in zip(images, boxes_xyxy, labels, strict=True):
        _check_image(image)
        scale = _TILE / max(image.shape)
        marks = [
            _mark(box, _name(class_names, label), label, scale)
            for box, label in zip(boxes.tolist(), classes.tolist(), strict=True)
        ]
        panels.append(marked_panel(image, marks, scale))
    n_columns = max(1, min(columns, len(panels)))
    n_rows = -(-len(panels) // n_columns)
    across = _TILE + _MARGIN
    down = max((panel.height for panel in panels), default=0) + _MARGIN
    grid = Image.new("RGB", (n_columns * across + _MARGIN, n_rows * down + _MARGIN), "white")
    for index, panel in enumerate(panels):
        row, column = divmod(index, n_columns)
        grid.paste(panel, (_MARGIN + column * across, _MARGIN + row * down))
    return grid


def count_captions(
    ground_truth: GroundTruth | None, detections: Detections, class_names: Sequence[str]
) -> list[str]:
    """For each class in the image: its objects, its detections and their mean score.

    Args:
        ground_truth: None for an image without annotation.
        detections: those to count.
        class_names: by label.
    """
    captions: list[str] = []
    for label, name in enumerate(class_names):
        scores = detections.scores[detections.labels == label]
        parts = [f"{len(scores)} detected"]
        if len(scores):
            parts.append(f"mean score {scores.mean():.2f}")
        if ground_truth is None:
            present = len(scores) > 0
        else:
            n_objects = int((ground_truth.labels == label).sum())
            present = len(scores) + n_objects > 0
            parts.insert(0, f"{n_objects} annotated")
        if present:
            captions.append(f"{name}: {', '.join(parts)}")
    return captions


def _object_marks(
    ground_truth: GroundTruth, class_names: Sequence[str], missed: Collection[int], scale: float
) -> Iterator[Mark]:
    columns = (ground_truth.boxes_xyxy, ground_truth.labels, ground_truth.difficult)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for row, (box, label, difficult) in enumerate(rows):
        name = _name(class_names, label)
        text = f"missed {name}" if row in missed else name
        text = f"{text} (difficult)" if difficult else text
        yield _mark(box, text, label, scale, dashed=row in missed)


def _detection_marks(
    detections: Detections,
    class_names: Sequence[str],
    false_positives: Collection[int],
    scale: float,
) -> Iterator[Mark]:
    columns = (detections.boxes_xyxy, detections.labels, detections.scores)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for row, (box, label, score) in enumerate(rows):
        wrong = row in false_positives
        text = f"{CROSS} " if wrong else ""
        text = f"{text}{_name(class_names, label)} {score:.2f}"
        yield _mark(box, text, label, scale, dashed=wrong)


def _mark(
    box: Sequence[float], text: str, label: int, scale: float, *, dashed: bool = False
) -> Mark:
    x1, y1, x2, y2 = (value * scale for value in box)
    return Mark((x1, y1, x2, y2), text, class_colour(label), dashed)


def _name(class_names: Sequence[str], label: int) -> str:
    if label >= len(class_names):
        raise ValueError(f"label {label}, but there are {len(class_names)} classes")
    return class_names[label]


def _check_image(image: U8, size: tuple[int, int] | None = None) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"image must be (H, W, 3) uint8, got {image.shape} {image.dtype}")
    if size is not None and image.shape[:2] != size:
        height, width = image.shape[:2]
        raise ValueError(f"image is {width} x {height}, its annotation {size[1]} x {size[0]}")


def panel_scale(image: U8) -> float:
    """Pixels of the panel that shows an image to one of the image."""
    longest = float(max(image.shape))
    return min(max(longest, _SHORTEST), _LONGEST) / longest


def marked_panel(image: U8, marks: Sequence[Mark], scale: float) -> Image.Image:
    """The image at a scale, under marks in the panel's pixels."""
    picture = Image.fromarray(image)
    if scale != 1:
        size = (max(1, round(side * scale)) for side in picture.size)
        width, height = size
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    draw_marks(picture, marks)
    return picture


def page_of(
    title: str, panels: Sequence[tuple[str, Image.Image]], captions: Sequence[str]
) -> Image.Image:
    """A title, panels side by side under their headings, and captions below."""
    width = sum(panel.width for _, panel in panels) + _MARGIN * (len(panels) + 1)
    top = 2 * _LINE + _MARGIN
    bottom = top + panels[0][1].height
    lines = _wrapped(captions, width - 2 * _MARGIN)
    page = Image.new("RGB", (width, bottom + _LINE * len(lines) + 2 * _MARGIN), "white")
    draw = ImageDraw.Draw(page)
    draw.text((_MARGIN, 6), title, "black", font(_HEADING))
    left = _MARGIN
    for heading, panel in panels:
        draw.text((left, 6 + _LINE + 2), heading, "black", font(_CAPTION))
        page.paste(panel, (left, top))
        left += panel.width + _MARGIN
    for index, line in enumerate(lines):
        draw.text((_MARGIN, bottom + _MARGIN + index * _LINE), line, "black", font(_CAPTION))
    return page


def _wrapped(captions: Sequence[str], width: int) -> list[str]:
    """The captions on as few lines as their width allows, none of them cut in two."""
    lines: list[str] = []
    for caption in captions:
        longer = f"{lines[-1]}     {caption}" if lines else ""
        if lines and font(_CAPTION).getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(caption)
    return lines
