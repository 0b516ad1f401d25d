"""Pictures of what two runs do differently in the most changed images."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PIL import Image

from refdet.analysis_records import Change, ChangedImage, ChangeKind, Comparison
from refdet.records import AnnotatedImage, Problem
from refdet.report.cells import one_line
from refdet.report.colours import class_colour
from refdet.report.drawing import Mark
from refdet.report.own_pictures import Picture, write_own_pictures
from refdet.report.panels import CROSS, U8, marked_panel, page_of, panel_scale
from refdet.report.pictures import ReadPixels, picture_name

_OF_A = (ChangeKind.LOST, ChangeKind.REMOVED_FALSE_POSITIVE)
_OF_B = (ChangeKind.FOUND, ChangeKind.ADDED_FALSE_POSITIVE)


def write_comparison_pictures(
    folder: Path,
    comparison: Comparison,
    images: Sequence[AnnotatedImage],
    read_pixels: ReadPixels,
) -> tuple[list[Path], list[Problem]]:
    """Write a picture of each of `images`, numbered by how much changed in it.

    Args:
        folder: made if it does not exist; pictures that an earlier call wrote to it are removed.
        comparison: of two runs.
        images: those to draw, in any order; unchanged ones are left out.
        read_pixels: opens an image.

    Returns:
        The files written, and what went wrong with the others.
    """
    by_name = {image.ground_truth.image: image for image in images}

    def draw(annotated: AnnotatedImage) -> Image.Image:
        return draw_changes(read_pixels(annotated), annotated.ground_truth.image, comparison)

    pictures = [
        Picture(
            picture_name("changed", rank, one.image),
            str(by_name[one.image].path),
            partial(draw, by_name[one.image]),
        )
        for rank, one in enumerate(comparison.images, start=1)
        if one.image in by_name
    ]
    return write_own_pictures(folder, pictures)


def draw_changes(image: U8, name: str, comparison: Comparison) -> Image.Image:
    """The first run on the left, the second on the right: what it alone found, and alone got wrong.

    An object that the other run missed has its box; a false positive is dashed, with a cross.

    Args:
        image: (H, W, 3) uint8 RGB.
        name: of the image.
        comparison: of two runs, which names the changes and the classes.
    """
    scale = panel_scale(image)
    changes = [change for change in comparison.changes if change.image == name]
    panels = []
    for letter, run, kinds in zip("AB", comparison.names, (_OF_A, _OF_B), strict=True):
        found, wrong = ([one for one in changes if one.kind is kind] for kind in kinds)
        marks = [_mark(one, comparison, scale) for one in (*found, *wrong)]
        heading = f"{letter}: {one_line(run)}, alone found {len(found)}, alone wrong {len(wrong)}"
        panels.append((heading, marked_panel(image, marks, scale)))
    row = next((one for one in comparison.images if one.image == name), ChangedImage(name, 0, 0, 0))
    captions = [
        f"B - A: {row.found - row.lost:+d} objects found",
        f"{row.added_false_positives - row.removed_false_positives:+d} false positives",
        f"{CROSS} dashed: a false positive",
    ]
    return page_of(one_line(name), panels, captions)


def _mark(one: Change, comparison: Comparison, scale: float) -> Mark:
    x1, y1, x2, y2 = (value * scale for value in one.box_xyxy)
    wrong = one.kind in (ChangeKind.ADDED_FALSE_POSITIVE, ChangeKind.REMOVED_FALSE_POSITIVE)
    text = f"{f'{CROSS} ' if wrong else ''}{one_line(comparison.classes[one.label].name)}"
    return Mark((x1, y1, x2, y2), f"{text} {one.score:.2f}", class_colour(one.label), dashed=wrong)
