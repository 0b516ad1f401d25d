"""What is peculiar to our matching: messages, purity, dtypes, and pycocotools run beside it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pycocotools import mask

from fixtures.from_tools.pycocotools_run import run_coco_eval
from refdet.conformance.strategies import boxes_xyxy, tied_scores
from refdet.core.matching import match_coco, match_voc

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

TWO_BY_TWO = np.array([[0.9, 0.6], [0.8, 0.7]])
SCORES = np.array([0.9, 0.8])


@st.composite
def images(draw: st.DrawFn) -> tuple[F64, F64, F64, Mask]:
    """Detections and objects xywh, 8 to 128 px wide: of every COCO size. Scores, crowd."""
    n_detections, n_objects = draw(st.integers(1, 6)), draw(st.integers(0, 5))
    detections, objects = (
        draw(boxes_xyxy(count, side=16, min_size=1)) * 8 for count in (n_detections, n_objects)
    )
    for boxes in (detections, objects):
        boxes[:, 2:] -= boxes[:, :2]
    crowd = np.array(draw(st.lists(st.booleans(), min_size=n_objects, max_size=n_objects)), bool)
    return detections, objects, draw(tied_scores(n_detections)), crowd


@given(image=images())
def test_match_coco_equals_pycocotools_for_crowds_and_area_ranges(
    image: tuple[F64, F64, F64, Mask],
) -> None:
    detections, objects, scores, crowd = image
    common = {"image_id": 0, "category_id": 0}
    evaluation = run_coco_eval(
        1,
        1,
        [
            {**common, "bbox": box, "iscrowd": int(flag)}
            for box, flag in zip(objects.tolist(), crowd, strict=True)
        ],
        [
            {**common, "bbox": box, "score": score}
            for box, score in zip(detections.tolist(), scores.tolist(), strict=True)
        ],
    )
    outer = (len(detections), len(objects))
    iou = np.reshape(mask.iou(detections, objects, crowd.astype(np.uint8)), outer)
    areas = objects[:, 2] * objects[:, 3]
    for of_image, (least, most) in zip(evaluation.evalImgs, evaluation.params.areaRng, strict=True):
        outside = (areas < least) | (areas > most)
        got = match_coco(iou, scores, evaluation.params.iouThrs, outside, crowd)
        by_score = np.array(of_image["dtIds"], np.int64) - 1
        want = of_image["dtMatches"].astype(np.int64)
        assert np.where(got.matched, got.object_index + 1, 0)[:, by_score].tolist() == want.tolist()
        want_ignored = of_image["dtIgnore"] & (want > 0)
        assert got.ignored[:, by_score].tolist() == want_ignored.tolist()


def test_match_voc_and_match_coco_differ_where_both_prefer_the_first() -> None:
    assert match_voc(TWO_BY_TWO, SCORES, 0.5).true_positive.tolist() == [True, False]
    assert match_coco(TWO_BY_TWO, SCORES, [0.5]).true_positive.tolist() == [[True, True]]


def test_matching_true_and_false_positives_leave_out_what_is_ignored() -> None:
    found = match_coco(TWO_BY_TWO, SCORES, [0.5, 0.75], np.array([True, True]))
    assert not found.true_positive.any()
    assert found.false_positive.tolist() == [[False, False], [False, True]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32, np.uint8])
def test_match_coco_takes_any_real_dtype(dtype: type[np.generic]) -> None:
    ones = np.eye(2, dtype=dtype)
    # Unsigned scores must not wrap when their order is turned round.
    got = match_coco(ones, np.array([0, 1], dtype=dtype), np.array([1], dtype=dtype))
    assert got.object_index.tolist() == [[0, 1]]


def test_match_coco_orders_unsigned_scores() -> None:
    got = match_coco(np.ones((2, 1)), np.array([0, 7], np.uint8), [0.5])
    assert got.matched.tolist() == [[False, True]]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((TWO_BY_TWO > 0, SCORES, 0.5), TypeError, "iou must be of a real dtype, got bool"),
        ((TWO_BY_TWO[0], SCORES, 0.5), ValueError, r"iou must have shape \(P, G\), got \(2,\)"),
        ((TWO_BY_TWO + 0.25, SCORES, 0.5), ValueError, r"iou\[0, 0\] = 1.15 is not in \[0, 1\]"),
        ((TWO_BY_TWO * np.nan, SCORES, 0.5), ValueError, r"iou\[0, 0\] = nan is not in"),
        ((TWO_BY_TWO, SCORES[:1], 0.5), ValueError, "scores has 1 rows and iou has 2"),
        ((TWO_BY_TWO, TWO_BY_TWO, 0.5), ValueError, r"scores must have shape \(N,\)"),
        ((TWO_BY_TWO, SCORES * 1j, 0.5), TypeError, "scores must be of a real dtype"),
        ((TWO_BY_TWO, np.array([0.5, np.nan]), 0.5), ValueError, r"scores\[1\] is NaN"),
        ((TWO_BY_TWO, SCORES, 0.5, np.array([0, 1])), TypeError, "ignore must be of dtype bool"),
        ((TWO_BY_TWO, SCORES, 0.5, np.array([True])), ValueError, r"shape \(2,\), got \(1,\)"),
        ((TWO_BY_TWO, SCORES, 0.0), ValueError, r"iou_threshold.* = 0.0 is not in \(0, 1\]"),
        ((TWO_BY_TWO, SCORES, 1.5), ValueError, r"iou_threshold.* = 1.5 is not in \(0, 1\]"),
        ((TWO_BY_TWO, SCORES, np.nan), ValueError, r"iou_threshold.* = nan is not in \(0, 1\]"),
    ],
)
def test_match_voc_and_match_coco_name_what_is_wrong(
    arguments: tuple[F64, F64, float, Mask], error: type[Exception], message: str
) -> None:
    iou, scores, threshold, *rest = arguments
    with pytest.raises(error, match=message):
        match_voc(iou, scores, threshold, *rest)
    with pytest.raises(error, match=message):
        match_coco(iou, scores, [threshold], *rest)


def test_match_voc_names_its_threshold() -> None:
    with pytest.raises(ValueError, match=r"^iou_threshold = 0.0 is not in \(0, 1\]"):
        match_voc(TWO_BY_TWO, SCORES, 0.0)


def test_match_coco_of_no_thresholds_has_no_levels() -> None:
    found = match_coco(TWO_BY_TWO, SCORES, [])
    for field, kind in (("object_index", "i"), ("matched", "b"), ("ignored", "b")):
        assert getattr(found, field).shape == (0, 2), field
        assert getattr(found, field).dtype.kind == kind, field


def test_match_coco_names_the_threshold_that_is_wrong() -> None:
    with pytest.raises(TypeError, match=r"^iou_thresholds must be of a real dtype, got bool"):
        match_coco(TWO_BY_TWO, SCORES, np.array([True]))
    with pytest.raises(ValueError, match=r"iou_thresholds\[1\] = 2.0 is not in \(0, 1\]"):
        match_coco(TWO_BY_TWO, SCORES, [0.5, 2.0])
    with pytest.raises(ValueError, match=r"iou_thresholds must have shape \(T,\)"):
        match_coco(TWO_BY_TWO, SCORES, np.array(0.5))
    with pytest.raises(TypeError, match="crowd must be of dtype bool"):
        match_coco(TWO_BY_TWO, SCORES, [0.5], None, np.array([0, 1]))


def test_matching_does_not_write_to_its_inputs() -> None:
    inputs = (TWO_BY_TWO.copy(), SCORES.copy(), np.array([0.5]), np.array([True, False]))
    for array in inputs:
        array.setflags(write=False)
    iou, scores, thresholds, flags = inputs
    match_voc(iou, scores, 0.5, flags)
    match_coco(iou, scores, thresholds, flags, flags)
