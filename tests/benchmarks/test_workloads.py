"""The synthetic data sets have the sizes and shares that the benchmark's table speaks of."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from benchmarks.evaluation.workloads import (
    HEIGHT,
    SIZES,
    WIDTH,
    Size,
    Workload,
    crowded,
    synthetic,
    workload,
)
from refdet.columns import unknown_rows

SMALL = Size(images=300, objects=20_000, detections=20_000, categories=40)


@pytest.fixture(scope="module")
def made() -> Workload:
    return synthetic(SMALL)


def bytes_of(made: Workload) -> list[bytes]:
    objects, found = made.objects, made.detections
    arrays = [objects.image_ids, objects.category_ids, objects.boxes_xywh, objects.area]
    arrays += [found.image_ids, found.category_ids, found.boxes_xywh, found.scores]
    return [objects.crowd.tobytes(), *(array.tobytes() for array in arrays)]


def test_synthetic_is_the_same_for_the_same_seed(made: Workload) -> None:
    assert bytes_of(made) == bytes_of(synthetic(SMALL))


def test_synthetic_differs_for_another_seed(made: Workload) -> None:
    other = bytes_of(synthetic(Size(300, 20_000, 20_000, 40, seed=1)))
    assert all(a != b for a, b in zip(bytes_of(made), other, strict=True))


def test_crowded_is_the_same_for_the_same_seed() -> None:
    assert bytes_of(crowded(3, 5, 7)) == bytes_of(crowded(3, 5, 7))


def test_synthetic_has_the_sizes_asked_for(made: Workload) -> None:
    objects, found = made.objects, made.detections
    assert (len(objects.images), len(objects), len(found)) == (300, 20_000, 20_000)
    assert len(objects.categories) == 40


def test_workload_by_name_has_the_sizes_of_the_table() -> None:
    cells = workload("cells")
    assert len(cells.objects.images) == 364
    assert len(cells.detections) == 26_000
    sizes = {name: (s.images, s.detections, s.categories) for name, s in SIZES.items()}
    assert sizes["coco"] == (5_000, 252_000, 80)
    assert sizes["coco-dense"] == (5_000, 424_000, 80)
    assert sizes["365"] == (5_000, 395_000, 365)
    assert sizes["365-large"] == (50_000, 3_900_000, 365)


def test_objects_do_not_depend_on_the_number_of_detections(made: Workload) -> None:
    fewer = synthetic(Size(300, 20_000, 500, 40))
    assert np.array_equal(fewer.objects.boxes_xywh, made.objects.boxes_xywh)
    assert np.array_equal(fewer.objects.category_ids, made.objects.category_ids)


def test_object_sizes_are_as_in_coco(made: Workload) -> None:
    area = made.objects.area
    small, large = np.mean(area < 32**2), np.mean(area >= 96**2)
    assert [small, 1 - small - large, large] == pytest.approx([0.41, 0.34, 0.24], abs=0.03)


def test_one_object_in_a_hundred_is_a_crowd(made: Workload) -> None:
    assert np.mean(made.objects.crowd) == pytest.approx(0.01, abs=0.003)


def test_classes_have_a_long_tail(made: Workload) -> None:
    counts = Counter(made.objects.category_ids.tolist()).most_common()
    assert counts[0][1] > 0.2 * SMALL.objects
    assert counts[-1][1] < 0.02 * SMALL.objects


def test_detections_are_in_image_order_with_falling_scores_and_at_most_100(made: Workload) -> None:
    found = made.detections
    same_image = np.diff(found.image_ids) == 0
    assert np.all(np.diff(found.image_ids) >= 0)
    assert np.all(np.diff(found.scores)[same_image] <= 0)
    assert max(Counter(found.image_ids.tolist()).values()) <= 100


def test_every_detection_is_of_a_known_image_and_class(made: Workload) -> None:
    image, category = unknown_rows(made.detections, made.objects)
    assert not image.any()
    assert not category.any()


def test_boxes_lie_in_their_image(made: Workload) -> None:
    for boxes in (made.objects.boxes_xywh, made.detections.boxes_xywh):
        assert boxes.min() >= 0
        assert np.all(boxes[:, :2] + boxes[:, 2:] <= np.array([WIDTH, HEIGHT]) + 0.02)
        assert boxes[:, 2:].min() >= 1


def test_scores_of_found_objects_and_of_background_overlap(made: Workload) -> None:
    on_object = np.array([overlaps_its_class(made, row) for row in range(2_000)])
    scores = made.detections.scores[:2_000]
    assert 0.1 < on_object.mean() < 0.6
    assert scores[on_object].mean() > scores[~on_object].mean() + 0.1
    assert scores[on_object].min() < np.median(scores[~on_object])


def overlaps_its_class(made: Workload, row: int) -> bool:
    """Whether a detection covers half of an object of its class, and the object half of it."""
    objects, found = made.objects, made.detections
    same = objects.image_ids == found.image_ids[row]
    same &= objects.category_ids == found.category_ids[row]
    x, y, width, height = found.boxes_xywh[row]
    for gx, gy, gwidth, gheight in objects.boxes_xywh[same].tolist():
        wide = min(x + width, gx + gwidth) - max(x, gx)
        high = min(y + height, gy + gheight) - max(y, gy)
        if wide > 0 and high > 0 and wide * high > 0.5 * max(width * height, gwidth * gheight):
            return True
    return False


def test_crowded_puts_every_box_of_an_image_over_every_other() -> None:
    made = crowded(4, 30, 20)
    objects, found = made.objects, made.detections
    assert len(objects.categories) == 1
    for image in objects.images.ids.tolist():
        inside = objects.image_ids == image, found.image_ids == image
        assert [int(rows.sum()) for rows in inside] == [30, 20]
        boxes = np.concatenate([objects.boxes_xywh[inside[0]], found.boxes_xywh[inside[1]]])
        first, last = boxes[:, :2].max(axis=0), (boxes[:, :2] + boxes[:, 2:]).min(axis=0)
        assert np.all(first < last)
