from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from refdet.data import augmentation
from refdet.data.augmentation import (
    Window,
    denormalise,
    flip,
    inference_transform,
    normalise,
    random_crop,
    random_geometry,
    random_zoom_out,
    show_window,
    training_transform,
)

NO_BOX = torch.zeros((0, 4))
COLOURS = torch.tensor([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]])
RECTANGLES = torch.tensor(
    [[5.0, 5, 60, 40], [70, 8, 150, 60], [10, 70, 50, 115], [90, 75, 110, 90]]
)


def coloured_rectangles() -> Tensor:
    """160 x 120 pixels, black but for one rectangle of its own colour for each box."""
    image = torch.zeros((3, 120, 160), dtype=torch.uint8)
    for colour, (x1, y1, x2, y2) in zip(COLOURS, RECTANGLES.int().tolist(), strict=True):
        image[:, y1:y2, x1:x2] = colour[:, None, None]
    return image


def extent(image: Tensor, colour: Tensor) -> tuple[int, int, int, int] | None:
    """The smallest box that holds every pixel which is nearer to a colour than to black."""
    distance = (image.int() - colour[:, None, None]).abs().amax(dim=0)
    rows, columns = torch.nonzero(distance < 128, as_tuple=True)
    if not len(rows):
        return None
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


@pytest.fixture(params=range(30))
def _seed(request: pytest.FixtureRequest) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(request.param)
        yield


@pytest.mark.usefixtures("_seed")
def test_random_geometry_moves_boxes_with_the_pixels() -> None:
    image, boxes, kept = random_geometry(coloured_rectangles(), RECTANGLES, 100)
    assert image.shape == (3, 100, 100)
    for box, row in zip(boxes, kept, strict=True):
        pixels = extent(image, COLOURS[row])
        assert pixels is not None, f"the box of rectangle {row} shows none of it"
        assert (box - torch.tensor(pixels)).abs().max() <= 1, f"{box} for pixels {pixels}"


@pytest.mark.usefixtures("_seed")
def test_random_geometry_keeps_every_object_that_is_wholly_visible() -> None:
    image, _boxes, kept = random_geometry(coloured_rectangles(), RECTANGLES, 100)
    for row, colour in enumerate(COLOURS):
        pixels = extent(image, colour)
        whole = pixels is not None and min(pixels) > 0 and max(pixels) < 100
        assert row in kept or not whole, f"rectangle {row} is visible at {pixels} without a box"


@pytest.mark.usefixtures("_seed")
def test_training_transform_leaves_boxes_inside_the_image() -> None:
    image, boxes, labels = training_transform(64)(
        coloured_rectangles(), RECTANGLES, torch.arange(4)
    )
    assert (image.shape, image.dtype) == ((3, 64, 64), torch.float32)
    assert (boxes.dtype, labels.dtype, len(boxes)) == (torch.float32, torch.int64, len(labels))
    assert (boxes >= 0).all()
    assert (boxes <= 64).all()
    assert (boxes[:, 2:] - boxes[:, :2] >= 1).all()


@pytest.mark.usefixtures("_seed")
def test_training_transform_accepts_an_image_without_objects() -> None:
    labels = torch.zeros(0, dtype=torch.int64)
    image, boxes, labels = training_transform(32)(coloured_rectangles(), NO_BOX, labels)
    assert (image.shape, boxes.shape, labels.shape) == ((3, 32, 32), (0, 4), (0,))


def test_random_geometry_flips_half_of_the_images_along_each_axis() -> None:
    torch.manual_seed(0)
    seen = [random_geometry(coloured_rectangles(), RECTANGLES, 50)[1:] for _ in range(300)]
    whole = [boxes for boxes, kept in seen if len(kept) == 4]
    assert len(whole) < 250, "nothing was cropped"
    left_to_right = sum(bool(boxes[0, 0] < boxes[1, 0]) for boxes in whole)
    top_to_bottom = sum(bool(boxes[0, 1] < boxes[2, 1]) for boxes in whole)
    assert 0.35 < left_to_right / len(whole) < 0.65
    assert 0.35 < top_to_bottom / len(whole) < 0.65


def test_random_zoom_out_makes_canvases_of_one_to_four_times_the_sides() -> None:
    torch.manual_seed(0)
    image = coloured_rectangles()
    windows = [random_zoom_out(image) for _ in range(400)]
    whole = Window(0, 0, 160, 120)
    assert 0.4 < sum(window == whole for window in windows) / 400 < 0.6
    for left, top, width, height in windows:
        assert left <= 0
        assert left + width >= 160
        assert top <= 0
        assert top + height >= 120
        assert width <= 640
        assert abs(width / 160 - height / 120) < 0.02
    assert max(window.width for window in windows) > 600


def naive_iou(box: list[float], window: Window) -> float:
    left, top, right, bottom = (window.left, window.top, *far_corner(window))
    width = min(box[2], right) - max(box[0], left)
    height = min(box[3], bottom) - max(box[1], top)
    shared = max(width, 0) * max(height, 0)
    area = (box[2] - box[0]) * (box[3] - box[1])
    return shared / (area + window.width * window.height - shared)


def far_corner(window: Window) -> tuple[int, int]:
    return window.left + window.width, window.top + window.height


@pytest.mark.parametrize("min_iou", [0.0, 0.1, 0.3, 0.5])
def test_random_crop_overlaps_an_object_whose_centre_it_holds(
    monkeypatch: pytest.MonkeyPatch, min_iou: float
) -> None:
    monkeypatch.setattr(augmentation, "MIN_CROP_IOUS", (min_iou,))
    torch.manual_seed(0)
    canvas, boxes = Window(-40, -30, 240, 180), RECTANGLES[:2]
    overlaps = []
    for _ in range(100):
        window = random_crop(canvas, boxes)
        right, bottom = far_corner(window)
        assert window != canvas
        assert window.left >= -40
        assert window.top >= -30
        assert right <= 200
        assert bottom <= 150
        assert window.width >= int(0.3 * 240)
        assert window.height >= int(0.3 * 180)
        assert 0.5 <= window.width / window.height <= 2.0
        inside = [
            naive_iou([x1, y1, x2, y2], window)
            for x1, y1, x2, y2 in boxes.tolist()
            if window.left < (x1 + x2) / 2 < right and window.top < (y1 + y2) / 2 < bottom
        ]
        overlaps.append(max(inside))
        assert max(inside) >= min_iou
    assert min(overlaps) < min_iou + 0.1, "no crop is near the least overlap"


def test_random_crop_shows_the_whole_canvas_at_times() -> None:
    torch.manual_seed(0)
    canvas = Window(0, 0, 160, 120)
    whole = sum(random_crop(canvas, RECTANGLES) == canvas for _ in range(200))
    # One of seven draws says so; draws that no window satisfies are repeated.
    assert 200 / 7 / 2 < whole < 120


def test_random_crop_leaves_a_canvas_without_objects_whole() -> None:
    canvas = Window(-5, -5, 50, 50)
    assert all(random_crop(canvas, NO_BOX) == canvas for _ in range(20))


def test_show_window_fills_with_the_mean_colour_beyond_the_image() -> None:
    image = torch.full((3, 20, 20), 255, dtype=torch.uint8)
    # By hand: the image takes the middle 50 of 100 pixels of the window, so 10 of 20 of the result.
    shown, boxes = show_window(image, torch.tensor([[0.0, 0, 20, 20]]), Window(-25, 0, 100, 20), 20)
    assert (shown[:, :, 5:9] == 255).all()
    assert shown[:, 0, 0].tolist() == [124, 116, 104]
    torch.testing.assert_close(boxes, torch.tensor([[5.0, 0, 9, 20]]))


def test_inference_transform_resizes_and_scales_boxes() -> None:
    image, labels = coloured_rectangles(), torch.tensor([3, 2, 1, 0])
    got, boxes, got_labels = inference_transform(40)(image, RECTANGLES, labels)
    want = v2.Compose(
        [
            v2.Resize((40, 40)),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )(image)
    torch.testing.assert_close(got, want, rtol=0, atol=1e-5)
    # By hand: 160 x 120 becomes 40 x 40, so x / 4 and y / 3.
    torch.testing.assert_close(boxes, RECTANGLES / torch.tensor([4.0, 3, 4, 3]))
    assert got_labels.tolist() == [3, 2, 1, 0]


@pytest.mark.parametrize(("axis", "peer"), [(0, F.horizontal_flip), (1, F.vertical_flip)])
def test_flip_equals_torchvision_and_undoes_itself(axis: int, peer: object) -> None:
    assert callable(peer)
    image = coloured_rectangles()
    flipped, boxes = flip(image, RECTANGLES, axis)
    theirs = tv_tensors.BoundingBoxes(RECTANGLES, format="XYXY", canvas_size=(120, 160))
    torch.testing.assert_close(boxes, peer(theirs).as_subclass(Tensor))
    assert torch.equal(flipped, peer(image))
    again, boxes = flip(flipped, boxes, axis)
    assert torch.equal(again, image)
    assert torch.equal(boxes, RECTANGLES)


def test_denormalise_undoes_normalise_for_every_value() -> None:
    image = torch.arange(256, dtype=torch.uint8).expand(3, 1, 256)
    assert torch.equal(denormalise(normalise(image)), image)
    assert denormalise(torch.full((3, 1, 1), 100.0)).tolist() == [[[255]]] * 3
