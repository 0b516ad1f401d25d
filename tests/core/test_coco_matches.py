"""`CocoMatches.outcomes` beside `match_coco`, class by class and image by image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from refdet.conformance.coco_oracle import naive_overlap
from refdet.core.coco_eval import AreaRange, CocoOutcomes, CocoParams
from refdet.core.matching import match_coco
from tests.core.coco_cases import IS_LONG, Columns, data_of, random_columns, random_params

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]
N_CASES = 1000 if IS_LONG else 60


@dataclass
class Expected:
    """`CocoOutcomes` at all thresholds, (T, D), filled in group by group."""

    object_row: I64
    true_positive: Mask
    false_positive: Mask
    ignored: Mask


def expected_outcomes(columns: Columns, params: CocoParams, area_range: AreaRange) -> Expected:
    shape = len(params.iou_thresholds), len(columns["dt_labels"])
    flags = np.zeros((3, *shape), np.bool_)
    want = Expected(np.full(shape, -1, np.int64), *flags)
    labels = np.unique(columns["category_ids"]).tolist()
    for image in np.unique(columns["image_ids"]).tolist():
        for together in [labels] if params.class_agnostic else [[label] for label in labels]:
            objects, detections = (rows(columns, side, image, together) for side in ("gt", "dt"))
            order = np.argsort(-columns["dt_scores"][detections].astype(np.float64), kind="stable")
            detections = detections[order][: params.max_detections[-1]]
            fill_in(want, columns, params, area_range, objects, detections)
    return want


def rows(columns: Columns, side: str, image: int, labels: list[int]) -> I64:
    """Of an image, class by class, each in input order."""
    of_image = columns[f"{side}_image_ids"] == image
    of_class = [np.flatnonzero(of_image & (columns[f"{side}_labels"] == one)) for one in labels]
    return np.concatenate([np.zeros(0, np.int64), *of_class])


def fill_in(
    want: Expected,
    columns: Columns,
    params: CocoParams,
    area_range: AreaRange,
    objects: I64,
    detections: I64,
) -> None:
    _, low, high = area_range
    crowd: Mask = columns["gt_crowd"][objects].astype(np.bool_)
    area = columns["gt_area"][objects].astype(np.float64)
    ignore: Mask = crowd | (area < low) | (area > high)
    if "gt_ignore" in columns:
        ignore |= columns["gt_ignore"][objects].astype(np.bool_)
    boxes, gt_boxes = columns["dt_boxes_xywh"][detections], columns["gt_boxes_xywh"][objects]
    iou = np.zeros((len(detections), len(objects)))
    for i, j in np.ndindex(iou.shape):
        iou[i, j] = naive_overlap(boxes[i].tolist(), gt_boxes[j].tolist(), crowd=bool(crowd[j]))
    scores = columns["dt_scores"][detections].astype(np.float64)
    found = match_coco(iou, scores, params.iou_thresholds, ignore, crowd)
    sizes = boxes[:, 2].astype(np.float64) * boxes[:, 3].astype(np.float64)
    outside = (sizes < low) | (sizes > high)
    if len(objects):
        match = np.where(found.matched, objects[found.object_index], -1)
        want.object_row[:, detections] = match
    want.true_positive[:, detections] = found.true_positive
    want.false_positive[:, detections] = found.false_positive & ~outside
    want.ignored[:, detections] = found.ignored | (~found.matched & outside)


def assert_outcomes(got: CocoOutcomes, want: Expected, level: int, where: str) -> None:
    for name in ("object_row", "true_positive", "false_positive", "ignored"):
        column, expected = getattr(got, name), getattr(want, name)[level]
        assert column.dtype == expected.dtype
        assert np.array_equal(column, expected), f"{where}: {name} {column} != {expected}"


@pytest.mark.parametrize("block", range(10))
def test_outcomes_equal_matching_each_image_and_class(block: int) -> None:
    for seed in range(block * N_CASES // 10, (block + 1) * N_CASES // 10):
        rng = np.random.default_rng(seed)
        columns, params = random_columns(rng, exact=True), random_params(rng)
        if seed % 2:
            columns["gt_ignore"] = rng.random(len(columns["gt_crowd"])) < 0.3
        matches = data_of(columns).match(params)
        for one in params.area_ranges:
            area_range = AreaRange(*one)
            want = expected_outcomes(columns, params, area_range)
            for level, threshold in enumerate(params.iou_thresholds):
                got = matches.outcomes(threshold, area_range.name)
                assert_outcomes(got, want, level, f"case {seed}, {area_range}, {threshold}")


def test_outcomes_of_what_is_not_judged_are_nothing() -> None:
    box = [0.0, 0.0, 9.0, 9.0]
    columns = {
        "gt_image_ids": np.array([1]),
        "gt_labels": np.array([1]),
        "gt_boxes_xywh": np.array([box]),
        "gt_area": np.array([81.0]),
        "gt_crowd": np.array([False]),
        # Unknown image, unknown class, found, wrong, one more than the limit.
        "dt_image_ids": np.array([2, 1, 1, 1, 1]),
        "dt_labels": np.array([1, 2, 1, 1, 1]),
        "dt_boxes_xywh": np.array([box] * 5),
        "dt_scores": np.array([0.9, 0.9, 0.8, 0.7, 0.6]),
        "image_ids": np.array([1]),
        "category_ids": np.array([1]),
    }
    got = data_of(columns).match(CocoParams(max_detections=(2,))).outcomes(0.5)
    assert got.object_row.tolist() == [-1, -1, 0, -1, -1]
    assert got.true_positive.tolist() == [False, False, True, False, False]
    assert got.false_positive.tolist() == [False, False, False, True, False]
    assert got.ignored.tolist() == [False] * 5


@pytest.mark.parametrize("seed", [2, 3, 7, 8])
def test_pairs_are_those_that_overlap_enough(seed: int) -> None:
    columns = random_columns(np.random.default_rng(seed), exact=True)
    matches = data_of(columns).match(CocoParams(iou_thresholds=(0.3, 0.8)))
    pairs = zip(matches.detection.tolist(), matches.object.tolist(), strict=True)
    got = dict(zip(pairs, matches.iou.tolist(), strict=True))
    assert len(got) == len(matches.iou)
    want = {}
    for image in np.unique(columns["image_ids"]).tolist():
        for label in np.unique(columns["category_ids"]).tolist():
            detections, objects = (rows(columns, side, image, [label]) for side in ("dt", "gt"))
            for i, j in ((i, j) for i in detections.tolist() for j in objects.tolist()):
                boxes = columns["dt_boxes_xywh"][i].tolist(), columns["gt_boxes_xywh"][j].tolist()
                want[i, j] = naive_overlap(*boxes, crowd=bool(columns["gt_crowd"][j]))
    want = {pair: iou for pair, iou in want.items() if iou >= 0.3}
    assert len(want) >= 3
    assert got == want


@pytest.mark.parametrize(("threshold", "area_range"), [(0.51, "all"), (0.5, "huge")])
def test_outcomes_name_what_was_not_matched_at(threshold: float, area_range: str) -> None:
    matches = data_of(random_columns(np.random.default_rng(0))).match()
    with pytest.raises(ValueError, match=f"{threshold}, '{area_range}' is not among"):
        matches.outcomes(threshold, area_range)
