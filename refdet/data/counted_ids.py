"""What the ids of COCO results mean where the ground truth is of a format that has none."""

from __future__ import annotations

from collections.abc import Collection

from refdet.columns import ObjectColumns
from refdet.data.options import DetectionFormat, GroundTruthFormat


def of_counted_ids(
    objects: ObjectColumns,
    file_format: GroundTruthFormat,
    detections: Collection[DetectionFormat],
) -> tuple[str, ...]:
    """A sentence with an example where ids were taken for those of another data set, or none.

    A folder's images are counted in its own order: results with the ids of the COCO file that it
    was made from would be judged against other images without an error.

    Args:
        objects: the ground truth.
        file_format: what it was read as.
        detections: the formats that detections are of.
    """
    images, categories = objects.images, objects.categories
    has_own_ids = file_format is GroundTruthFormat.COCO
    if has_own_ids or DetectionFormat.COCO not in detections or not images or not categories:
        return ()
    return (
        f"ids of COCO results are taken as this folder's: image {images.ids[0]} is "
        f"{images.names[0]}, class {categories.ids[0]} is {categories.names[0]}",
    )
