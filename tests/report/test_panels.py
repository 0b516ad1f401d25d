"""What is drawn: sizes, the colour of the pixels where an edge must be, counts in the captions."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from refdet.records import Detections, GroundTruth
from refdet.report.colours import class_colour
from refdet.report.drawing import Mark, draw_marks
from refdet.report.panels import count_captions, draw_comparison, draw_grid, draw_predictions

NAMES = ("WBC", "RBC", "Platelets")
U8 = NDArray[np.uint8]
GREY = (100, 100, 100)
# An image of 600 x 400 is drawn at its own size; the panels begin at row 50, 10 px apart.
LEFT, RIGHT, TOP = 10, 620, 50


def grey(width: int = 600, height: int = 400) -> U8:
    return np.full((height, width, 3), 100, np.uint8)


def truth(boxes: list[list[float]], labels: list[int], difficult: bool = False) -> GroundTruth:
    return GroundTruth(
        "field/1",
        600,
        400,
        np.array(boxes, np.float64).reshape(-1, 4),
        np.array(labels, np.int64),
        np.full(len(boxes), difficult),
    )


def found(boxes: list[list[float]], labels: list[int], scores: list[float]) -> Detections:
    return Detections(
        "field/1",
        np.array(boxes, np.float64).reshape(-1, 4),
        np.array(scores, np.float64),
        np.array(labels, np.int64),
    )


def row_of(picture: Image.Image, y: int, x1: int, x2: int) -> list[tuple[int, ...]]:
    """The colours of the pixels x1 to x2 - 1 in row y."""
    return [tuple(pixel) for pixel in np.asarray(picture)[y, x1:x2].tolist()]


def test_draw_comparison_puts_the_edges_where_the_boxes_are() -> None:
    box, label = [100.0, 200.0, 300.0, 350.0], 1
    picture = draw_comparison(
        grey(), truth([box], [label]), found([[110, 200, 300, 350]], [2], [0.9]), NAMES
    )
    white = (255, 255, 255)
    for panel, x1, colour in ((LEFT, 100, class_colour(1)), (RIGHT, 110, class_colour(2))):
        edge = row_of(picture, TOP + 275, panel + x1 - 2, panel + x1 + 3)
        assert edge == [GREY, white, colour, colour, GREY]
        # The last pixel of a box that ends at 300 is 299.
        edge = row_of(picture, TOP + 275, panel + 297, panel + 302)
        assert edge == [GREY, colour, colour, white, GREY]
        column = [row_of(picture, TOP + y, panel + 250, panel + 251)[0] for y in range(347, 352)]
        assert column == [GREY, colour, colour, white, GREY]


def test_draw_comparison_has_two_panels_of_the_images_size_side_by_side() -> None:
    picture = draw_comparison(grey(), truth([], []), found([], [], []), NAMES)
    assert picture.width == 600 + 600 + 3 * 10
    pixels = np.asarray(picture)[TOP : TOP + 400]
    assert (pixels[:, LEFT : LEFT + 600] == GREY).all()
    assert (pixels[:, RIGHT : RIGHT + 600] == GREY).all()
    assert (pixels[:, LEFT + 600 : RIGHT] == 255).all()


@pytest.mark.parametrize(("width", "panel"), [(100, 560), (560, 560), (1000, 1000), (4000, 1000)])
def test_draw_predictions_brings_small_and_large_images_to_a_legible_size(
    width: int, panel: int
) -> None:
    picture = draw_predictions(grey(width, width // 2), found([], [], []), NAMES)
    assert picture.width == panel + 20


def test_draw_predictions_scales_boxes_with_the_image() -> None:
    # 300 px wide, drawn 560 wide: x = 75 is drawn at 140.
    picture = draw_predictions(grey(300, 200), found([[75, 50, 150, 100]], [0], [0.5]), NAMES)
    assert row_of(picture, TOP + 150, LEFT + 139, LEFT + 142) == [
        (255, 255, 255),
        class_colour(0),
        class_colour(0),
    ]


def left_edge(picture: Image.Image, panel: int, x: int) -> set[tuple[int, ...]]:
    """The colours down a box's left line, between its rows 210 and 340."""
    return {row_of(picture, TOP + y, panel + x, panel + x + 1)[0] for y in range(210, 340)}


def test_draw_comparison_dashes_missed_objects_and_false_positives_alone() -> None:
    boxes = [[100.0, 200.0, 200.0, 350.0], [300.0, 200.0, 400.0, 350.0]]
    picture = draw_comparison(
        grey(),
        truth(boxes, [1, 1]),
        found(boxes, [1, 1], [0.9, 0.8]),
        NAMES,
        false_positives=[1],
        missed=[0],
    )
    line, gap = class_colour(1), (255, 255, 255)
    assert left_edge(picture, LEFT, 100) == {line, gap}
    assert left_edge(picture, LEFT, 300) == {line}
    assert left_edge(picture, RIGHT, 100) == {line}
    assert left_edge(picture, RIGHT, 300) == {line, gap}


def test_draw_comparison_marks_the_label_of_what_is_wrong_missed_or_difficult() -> None:
    box = [[100.0, 200.0, 200.0, 350.0]]

    def label_area(missed: tuple[int, ...], wrong: tuple[int, ...], difficult: bool) -> U8:
        picture = draw_comparison(
            grey(), truth(box, [1], difficult), found(box, [1], [0.9]), NAMES, wrong, missed
        )
        return np.asarray(picture)[TOP + 185 : TOP + 198]

    plain = label_area((), (), difficult=False)
    half = RIGHT - 5
    wrong, lost = label_area((), (0,), difficult=False), label_area((0,), (), difficult=False)
    assert (wrong[:, :half] == plain[:, :half]).all()
    assert (wrong[:, half:] != plain[:, half:]).any()
    assert (lost[:, :half] != plain[:, :half]).any()
    assert (label_area((), (), difficult=True)[:, :half] != plain[:, :half]).any()


@pytest.mark.parametrize(
    "box",
    [
        [-50.0, -50.0, 20.0, 20.0],
        [590.0, 390.0, 700.0, 500.0],
        [5000.0, 5000.0, 6000.0, 6000.0],
        [-1e300, -1e300, 1e300, 1e300],
        [50.0, 50.0, 50.0, 50.0],
        [0.0, 0.0, 600.0, 400.0],
    ],
)
def test_draw_comparison_draws_detections_outside_the_image_and_of_no_size(
    box: list[float],
) -> None:
    picture = draw_comparison(
        grey(), truth([], []), found([box, box], [0, 1], [0.9, 0.8]), NAMES, false_positives=[0]
    )
    assert (np.asarray(picture)[TOP : TOP + 400, LEFT : LEFT + 600] == GREY).all()


def test_draw_comparison_leaves_its_image_as_it_was() -> None:
    image = grey()
    draw_comparison(image, truth([], []), found([[1, 1, 9, 9]], [0], [0.9]), NAMES)
    assert (image == 100).all()


def test_draw_comparison_refuses_what_it_cannot_draw() -> None:
    objects, nothing = truth([], []), found([], [], [])
    with pytest.raises(ValueError, match="image is 500 x 400, its annotation 600 x 400"):
        draw_comparison(grey(500), objects, nothing, NAMES)
    with pytest.raises(ValueError, match=r"must be \(H, W, 3\) uint8, got \(400, 600\) uint8"):
        draw_comparison(grey()[:, :, 0], objects, nothing, NAMES)
    with pytest.raises(ValueError, match="label 3, but there are 3 classes"):
        draw_comparison(grey(), objects, found([[1, 1, 9, 9]], [3], [0.9]), NAMES)


def test_count_captions_count_each_class_and_its_mean_score() -> None:
    objects = truth([[0, 0, 9, 9], [0, 0, 9, 9]], [0, 2])
    detections = found([[0, 0, 9, 9]] * 3, [0, 0, 1], [0.5, 1.0, 0.25])
    assert count_captions(objects, detections, (*NAMES, "none")) == [
        "WBC: 1 annotated, 2 detected, mean score 0.75",
        "RBC: 0 annotated, 1 detected, mean score 0.25",
        "Platelets: 1 annotated, 0 detected",
    ]
    assert count_captions(None, detections, NAMES) == [
        "WBC: 2 detected, mean score 0.75",
        "RBC: 1 detected, mean score 0.25",
    ]


def test_draw_grid_puts_samples_in_rows() -> None:
    # Drawn 320 px wide: the fifth of five, 3 in a row, begins at (340, 180).
    boxes = [np.zeros((0, 4))] * 4 + [np.array([[40.0, 20.0, 80.0, 60.0]])]
    labels = [np.zeros(0, np.int64)] * 4 + [np.array([1])]
    grid = draw_grid([grey(160, 80)] * 5, boxes, labels, NAMES, columns=3)
    assert grid.size == (3 * 330 + 10, 2 * 170 + 10)
    assert row_of(grid, 180 + 80, 340 + 79, 340 + 82) == [
        (255, 255, 255),
        class_colour(1),
        class_colour(1),
    ]
    assert row_of(grid, 180 + 80, 670, 671) == [(255, 255, 255)]  # the sixth place is empty


def test_draw_grid_of_nothing_is_a_picture() -> None:
    assert draw_grid([], [], [], NAMES).width > 0


def test_draw_marks_places_labels_side_by_side_where_boxes_coincide() -> None:
    picture = Image.new("RGB", (300, 200))
    box = (100.0, 100.0, 200.0, 180.0)
    draw_marks(picture, [Mark(box, "a", class_colour(0)), Mark(box, "b", class_colour(1))])
    pixels = np.asarray(picture)
    above, inside = pixels[86, 101].tolist(), pixels[103, 103].tolist()
    assert tuple(above) == class_colour(0)
    assert tuple(inside) == class_colour(1)
