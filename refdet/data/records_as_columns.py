"""Records of single images as the columns of a whole data set.

Records have no ids, so ids are counted: images from 1 in their order, classes from 1 in label
order, as in the COCO files that `refdet` writes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from refdet.columns import CategoryTable, DetectionColumns, ImageTable, ObjectColumns
from refdet.data.corners import xywh_of
from refdet.data.image_names import ImageNames
from refdet.data.reading import FileObjects
from refdet.records import AnnotatedImage, Column, Detections


def columns_of(
    images: Sequence[AnnotatedImage], objects: Sequence[FileObjects], class_names: Sequence[str]
) -> ObjectColumns:
    """All objects of annotated images, the small ones too; a difficult one is to be ignored.

    Args:
        images: an image is named after its file, with the suffix.
        objects: of each image.
        class_names: by label.

    Returns:
        The columns; an area is that of the box.

    Raises:
        ValueError: two files have one name, or a label has no class.
    """
    truths = [image.ground_truth for image in images]
    lengths = [len(one.labels) for one in objects]
    ids = np.arange(1, len(images) + 1, dtype=np.int64)
    sizes = np.array([(truth.width, truth.height) for truth in truths], np.int64)
    corners = _joined([one.boxes_xyxy for one in objects], np.zeros((0, 4)))
    boxes = xywh_of(corners, computed=True)
    labels = _joined([one.labels for one in objects], np.zeros(0, np.int64))
    return ObjectColumns(
        ImageTable(ids, tuple(image.path.name for image in images), sizes.reshape(-1, 2)),
        counted_categories(class_names),
        image_ids=np.repeat(ids, lengths),
        category_ids=labels + 1,
        boxes_xywh=boxes,
        area=boxes[:, 2] * boxes[:, 3],
        crowd=np.zeros(len(boxes), np.bool_),
        ignore=_joined([one.difficult for one in objects], np.zeros(0, np.bool_)),
    )


def detection_columns_of(
    detections: Sequence[Detections], objects: ObjectColumns
) -> DetectionColumns:
    """Detections of single images, whose labels are rows of the objects' categories.

    Args:
        detections: any number per image; images as `ImageNames` finds them.
        objects: what was annotated, for the ids.

    Raises:
        ValueError: an image or a label that the objects' tables do not have.
    """
    names = ImageNames(objects.images.names)
    rows: list[int] = []
    for found in detections:
        row = names.row(found.image)
        if row is None:
            raise ValueError(f"detections in image {found.image!r}, which has no ground truth")
        if len(found) and (largest := int(found.labels.max())) >= len(objects.categories):
            raise ValueError(
                f"detections in image {found.image!r}: label {largest}, but there are "
                f"{len(objects.categories)} classes"
            )
        rows.append(row)
    image_rows = np.repeat(np.array(rows, np.int64), [len(found) for found in detections])
    labels = _joined([found.labels for found in detections], np.zeros(0, np.int64))
    return DetectionColumns(
        image_ids=objects.images.ids[image_rows],
        category_ids=objects.categories.ids[labels],
        boxes_xywh=xywh_of(_joined([found.boxes_xyxy for found in detections], np.zeros((0, 4)))),
        scores=_joined([found.scores for found in detections], np.zeros(0)),
    )


def counted_categories(class_names: Sequence[str]) -> CategoryTable:
    """Classes with ids from 1."""
    return CategoryTable(np.arange(1, len(class_names) + 1, dtype=np.int64), tuple(class_names))


def _joined(columns: Sequence[Column], none: Column) -> Column:
    """The columns one after the other; `none`, of no row, gives the type where there are none."""
    return np.concatenate([none, *columns])
