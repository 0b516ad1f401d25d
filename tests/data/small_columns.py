"""Small data sets as columns for tests, and what Hypothesis invents of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from refdet.columns import CategoryTable, DetectionColumns, ImageTable, ObjectColumns

Row = tuple[str, str, list[float]]

NAMES = ("a.png", "b c.jpg", "ü.v1.png", "d.bmp", "-.jpeg", "0.PNG")
CLASSES = ("cat", "a dog", "ß.x", "cell_red", "red", "<&>\"'")


def objects_of(
    boxes: Sequence[Sequence[float]] = (),
    image_rows: Sequence[int] = (),
    labels: Sequence[int] = (),
    *,
    names: Sequence[str] = ("a.png", "b.jpg"),
    classes: Sequence[str] = ("cat", "dog"),
    size: tuple[int, int] = (64, 32),
    crowd: Sequence[int] = (),
    ignore: Sequence[int] = (),
    area: Sequence[float] = (),
) -> ObjectColumns:
    """Objects with ids that are no rows; `crowd` and `ignore` name the rows that are."""
    image_ids = np.arange(len(names)) * 7 + 3
    category_ids = np.arange(len(classes))[::-1] * 5 + 1
    array = np.array(boxes, np.float64).reshape(-1, 4)
    rows = np.arange(len(array))
    return ObjectColumns(
        ImageTable(image_ids, tuple(names), np.tile(np.array(size), (len(names), 1))),
        CategoryTable(category_ids, tuple(classes)),
        image_ids=image_ids[np.array(image_rows, np.int64)],
        category_ids=category_ids[np.array(labels, np.int64)],
        boxes_xywh=array,
        area=np.array(area) if len(area) else array[:, 2] * array[:, 3],
        crowd=np.isin(rows, crowd),
        ignore=np.isin(rows, ignore),
    )


def detections_of(
    objects: ObjectColumns,
    boxes: Sequence[Sequence[float]],
    image_rows: Sequence[int],
    labels: Sequence[int],
    scores: Sequence[float],
) -> DetectionColumns:
    """Detections in the images and of the classes of `objects`, by row."""
    return DetectionColumns(
        objects.images.ids[np.array(image_rows, np.int64)],
        objects.categories.ids[np.array(labels, np.int64)],
        np.array(boxes, np.float64).reshape(-1, 4),
        np.array(scores, np.float64),
    )


def write_images(objects: ObjectColumns, folder: Path) -> dict[str, Path]:
    """A grey image file for each image, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = zip(objects.images.names, objects.images.sizes.tolist(), strict=True)
    for name, (width, height) in sizes:
        if name.endswith(".npy"):
            np.save(folder / name, np.zeros((height, width, 3), np.uint8))
        else:
            Image.new("L", (width, height)).save(folder / name)
    return {name: folder / name for name in objects.images.names}


def named_rows(objects: ObjectColumns, found: ObjectColumns | DetectionColumns) -> list[Row]:
    """Image name, class name and box of each row, without ids."""
    images = dict(zip(objects.images.ids.tolist(), objects.images.names, strict=True))
    classes = dict(zip(objects.categories.ids.tolist(), objects.categories.names, strict=True))
    rows = zip(
        found.image_ids.tolist(), found.category_ids.tolist(), found.boxes_xywh.tolist(),
        strict=True,
    )  # fmt: skip
    return [(images[image], classes[label], box) for image, label, box in rows]


@st.composite
def data_sets(draw: st.DrawFn, *, decimals: int | None = None) -> ObjectColumns:
    """Up to 3 images, 3 classes and 5 objects, all within their images, at least 1 x 1 pixels.

    Args:
        draw: Hypothesis's.
        decimals: the most that a coordinate or size has; None for all that float64 can have.
    """
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    classes = draw(st.lists(st.sampled_from(CLASSES), min_size=1, max_size=3, unique=True))
    sizes = draw(
        st.lists(
            st.tuples(st.integers(1, 70), st.integers(1, 70)),
            min_size=len(names),
            max_size=len(names),
        )
    )
    ids = st.integers(-(2**62), 2**62)
    image_ids = draw(st.lists(ids, min_size=len(names), max_size=len(names), unique=True))
    category_ids = draw(st.lists(ids, min_size=len(classes), max_size=len(classes), unique=True))
    n_rows = draw(st.integers(0, 5))
    rows = draw(st.lists(st.integers(0, len(names) - 1), min_size=n_rows, max_size=n_rows))
    labels = draw(st.lists(st.integers(0, len(classes) - 1), min_size=n_rows, max_size=n_rows))
    boxes = [_box(draw, sizes[row], decimals) for row in rows]
    array = np.array(boxes, np.float64).reshape(-1, 4)
    flags = st.lists(st.booleans(), min_size=n_rows, max_size=n_rows)
    masks = st.lists(st.sampled_from([0.0, 0.25, 1.0, 3.5]), min_size=n_rows, max_size=n_rows)
    return ObjectColumns(
        ImageTable(np.array(image_ids, np.int64), tuple(names), np.array(sizes, np.int64)),
        CategoryTable(np.array(category_ids, np.int64), tuple(classes)),
        image_ids=np.array(image_ids, np.int64)[np.array(rows, np.int64)],
        category_ids=np.array(category_ids, np.int64)[np.array(labels, np.int64)],
        boxes_xywh=array,
        area=array[:, 2] * array[:, 3] * np.array(draw(masks), np.float64),
        crowd=np.array(draw(flags), np.bool_),
        ignore=np.array(draw(flags), np.bool_),
    )


def _box(draw: st.DrawFn, size: tuple[int, int], decimals: int | None) -> list[float]:
    number = st.integers(0, 2**30).map(lambda k: k / 2**30)
    near = [draw(number) * (side - 1) for side in size]
    if decimals is not None:
        near = [round(low, decimals) for low in near]
    room = [side - low - 1 for low, side in zip(near, size, strict=True)]
    sizes = [1 + draw(number) * most for most in room]
    if decimals is not None:
        sizes = [round(length, decimals) for length in sizes]
    return [*near, *sizes]


@st.composite
def detections_in(
    draw: st.DrawFn, objects: ObjectColumns, *, decimals: int | None = None
) -> DetectionColumns:
    """Up to 5 detections in the images of `objects`, with scores of any scale, often tied."""
    n_rows = draw(st.integers(0, 5))
    n_images, n_classes = len(objects.images), len(objects.categories)
    rows = draw(st.lists(st.integers(0, n_images - 1), min_size=n_rows, max_size=n_rows))
    labels = draw(st.lists(st.integers(0, n_classes - 1), min_size=n_rows, max_size=n_rows))
    scores = st.sampled_from([0.0, 0.1, 0.5, 1.0]) | st.floats(-1e6, 1e6)
    sizes = objects.images.sizes.tolist()
    return detections_of(
        objects,
        [_box(draw, sizes[row], decimals) for row in rows],
        rows,
        labels,
        draw(st.lists(scores, min_size=n_rows, max_size=n_rows)),
    )
