"""What is read from the one matching: pycocotools' numbers, kinds, limits, empty data sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.from_tools.pycocotools_run import Annotation, run_coco_eval
from refdet.core.false_positives import identify_false_positives
from refdet.evaluate import EvaluationSettings, evaluate_columns
from refdet.records import FalsePositiveKind, Mask
from tests.evaluate.data_sets import SETTINGS, columns_of, images_of, judged_image, xywh
from tests.test_evaluate import BESIDE, HALF, NAMES, SQUARE, Split, found, judged, splits, truth

# --- pycocotools ---


def as_coco(split: Split, crowd: Mask) -> tuple[list[Annotation], list[Annotation]]:
    """Objects, of which some are crowds, and detections; image ids count from 0."""
    objects: list[Annotation] = []
    detections: list[Annotation] = []
    for image, (there, seen) in enumerate(images_of(split)):
        boxes = xywh(there.boxes_xyxy).tolist()
        for label, box in zip(there.labels.tolist(), boxes, strict=True):
            one: Annotation = {"image_id": image, "category_id": label, "bbox": box}
            objects.append({**one, "iscrowd": int(crowd[len(objects)])})
        boxes = xywh(seen.boxes_xyxy).tolist()
        rows = zip(seen.labels.tolist(), boxes, seen.scores.tolist(), strict=True)
        for label, box, score in rows:
            detections.append(
                {"image_id": image, "category_id": label, "bbox": box, "score": score}
            )
    return objects, detections


def n_objects(split: Split) -> int:
    return sum(len(truth) for truth in split[0])


@given(split=splits(difficult=st.just(False)), flags=st.lists(st.booleans(), min_size=12))
def test_evaluate_columns_has_the_twelve_numbers_of_pycocotools_to_the_bit(
    split: Split, flags: list[bool]
) -> None:
    crowd = np.array(flags[: n_objects(split)], np.bool_)
    evaluation = evaluate_columns(
        *columns_of(split, crowd=crowd), split="val", settings=EvaluationSettings()
    )
    want = run_coco_eval(len(split[0]), len(NAMES), *as_coco(split, crowd)).stats
    assert list(evaluation.coco_stats) == want.tolist()
    means = [evaluation.mean_ap, evaluation.mean_ap50, evaluation.mean_ap75]
    np.testing.assert_array_equal(means, np.where(want[:3] == -1, np.nan, want[:3]))


# --- Each class and all of them ---


@given(split=splits(), settings=SETTINGS)
def test_evaluate_split_counts_what_is_right_image_by_image(
    split: Split, settings: EvaluationSettings
) -> None:
    right, wrong, judged_at_all = np.zeros((3, len(NAMES)), np.int64)
    for objects, detections in images_of(split):
        one = judged_image(objects, detections, settings)
        is_right = one.object_row >= 0
        np.add.at(right, detections.labels[one.counted & is_right], 1)
        np.add.at(wrong, detections.labels[one.counted & ~is_right & ~one.ignored], 1)
        per_class = np.bincount(detections.labels, minlength=len(NAMES))
        judged_at_all += np.minimum(per_class, settings.max_detections)
    classes = judged(split, settings=settings).classes
    assert [one.true_positives for one in classes] == right.tolist()
    assert [one.false_positives for one in classes] == wrong.tolist()
    assert [one.n_detections for one in classes] == judged_at_all.tolist()


@given(split=splits(), settings=SETTINGS)
def test_evaluate_split_totals_are_sums_and_means_of_the_classes(
    split: Split, settings: EvaluationSettings
) -> None:
    evaluation = judged(split, settings=settings)
    classes, totals = evaluation.classes, evaluation.totals
    tp, fp, fn = (
        sum(getattr(one, name) for one in classes)
        for name in ("true_positives", "false_positives", "false_negatives")
    )
    assert (totals.true_positives, totals.false_positives, totals.false_negatives) == (tp, fp, fn)
    assert totals.n_detections == sum(one.n_detections for one in classes)
    assert totals.n_ground_truth == sum(one.n_ground_truth for one in classes)
    got = (totals.micro_precision, totals.micro_recall)
    want = [part / whole if whole else np.nan for part, whole in ((tp, tp + fp), (tp, tp + fn))]
    np.testing.assert_array_equal(got, want)
    for name in ("precision", "recall", "f1", "ap", "ap50", "ap75", "ap50_voc", "ap50_voc07"):
        prefix = "mean" if name.startswith("ap") else "macro"
        values = [value for one in classes if not np.isnan(value := getattr(one, name))]
        mean = sum(values) / len(values) if values else np.nan
        got_mean = getattr(totals, f"{prefix}_{name}")
        np.testing.assert_allclose(got_mean, mean, rtol=0, atol=1e-15)


# --- False positives and missed objects ---


@given(split=splits(), settings=SETTINGS)
def test_evaluate_split_lists_the_false_positives_of_each_image(
    split: Split, settings: EvaluationSettings
) -> None:
    got = [
        (
            one.image,
            one.index,
            one.label,
            one.score,
            one.best_iou,
            one.kind.value,
            one.confused_with,
        )
        for one in judged(split, settings=settings).false_positives
    ]
    want = []
    for objects, detections in images_of(split):
        counted = np.flatnonzero(judged_image(objects, detections, settings).counted)
        wrong = identify_false_positives(
            detections.boxes_xyxy[counted],
            detections.scores[counted],
            detections.labels[counted],
            objects.boxes_xyxy,
            objects.labels,
            settings.iou_threshold,
            settings.background_threshold,
            objects.difficult,
        )
        want += [
            (
                *(objects.image, int(counted[one.index]), one.label, one.score, one.best_iou),
                *(one.kind.value, one.confused_with),
            )
            for one in wrong
        ]
    assert got == want


@given(split=splits(), settings=SETTINGS)
def test_evaluate_split_lists_the_missed_objects_of_each_image(
    split: Split, settings: EvaluationSettings
) -> None:
    want = []
    for objects, detections in images_of(split):
        one = judged_image(objects, detections, settings)
        right = set(one.object_row[one.counted].tolist())
        want += [
            (objects.image, row, int(objects.labels[row]), objects.boxes_xyxy[row].tolist())
            for row in range(len(objects))
            if row not in right and not objects.difficult[row]
        ]
    missed = judged(split, settings=settings).missed
    assert [(one.image, one.index, one.label, list(one.box_xyxy)) for one in missed] == want


# --- By hand ---


@pytest.mark.parametrize(("limit", "want"), [(1, (1, 1, 1)), (7, (1, 2, 2)), (100, (1, 2, 2))])
def test_evaluate_split_has_the_recall_of_no_more_than_the_limit(
    limit: int, want: tuple[int, int, int]
) -> None:
    # Of two objects, one is found by the best detection, and both by two.
    split = (
        [truth("a", [SQUARE, BESIDE], [0, 0])],
        [found("a", [SQUARE, BESIDE], [0.9, 0.8], [0, 0])],
    )
    evaluation = judged(split, NAMES[:1], EvaluationSettings(max_detections=limit))
    assert evaluation.coco_stats[6:9] == tuple(part / 2 for part in want)
    assert evaluation.max_detections == limit
    assert evaluation.classes[0].n_detections == min(limit, 2)
    # An object that nothing may find any more is missed.
    assert len(evaluation.missed) == 2 - min(limit, 2)


def test_evaluate_split_has_the_recall_of_ten_of_twelve() -> None:
    boxes = [[20 * i, 0, 20 * i + 10, 10] for i in range(12)]
    scores, zeros = np.linspace(0.9, 0.5, 12), np.zeros(12, np.int64)
    split = ([truth("a", boxes, zeros)], [found("a", boxes, scores, zeros)])
    stats = judged(split, NAMES[:1], EvaluationSettings(max_detections=11)).coco_stats
    assert stats[6:9] == pytest.approx((1 / 12, 10 / 12, 11 / 12))


@pytest.mark.parametrize(("threshold", "right"), [(0.3, 1), (0.5, 1), (0.51, 0), (1.0, 0)])
def test_evaluate_split_counts_at_a_threshold_that_is_none_of_cocos(
    threshold: float, right: int
) -> None:
    split = ([truth("a", [SQUARE], [0])], [found("a", [HALF], [0.9], [0])])
    evaluation = judged(split, NAMES[:1], EvaluationSettings(iou_threshold=threshold))
    assert evaluation.classes[0].true_positives == right
    assert evaluation.confusion.counts[0].tolist() == [right, 1 - right]
    assert evaluation.curves[0].recall.tolist() == [right]
    # AP has its own thresholds: the IoU of 0.5 reaches the first of ten.
    assert evaluation.mean_ap == pytest.approx(0.1)


def test_evaluate_split_names_the_first_of_two_objects_that_a_detection_is_confused_with() -> None:
    split = ([truth("a", [SQUARE, SQUARE], [1, 0])], [found("a", [SQUARE], [0.9], [2])])
    (wrong,) = judged(split).false_positives
    assert (wrong.kind, wrong.confused_with) == (FalsePositiveKind.CONFUSION, 1)


# --- Nothing there ---


def test_evaluate_split_without_images_is_undefined_everywhere() -> None:
    evaluation = judged(([], []))
    assert evaluation.coco_stats == (-1.0,) * 12
    assert evaluation.confusion.counts.tolist() == [[0] * 4] * 4
    totals = evaluation.totals
    rates = (totals.micro_precision, totals.micro_recall, totals.micro_f1, totals.macro_f1)
    assert np.isnan([*rates, totals.mean_ap, totals.mean_ap50_voc]).all()
    assert (totals.n_ground_truth, totals.n_detections) == (0, 0)


def test_evaluate_split_without_classes_has_no_numbers() -> None:
    evaluation = judged(([truth("a", [], [])], [found("a", [], [], [])]), ())
    assert (evaluation.classes, evaluation.curves) == ((), {})
    assert evaluation.coco_stats == (-1.0,) * 12
    assert evaluation.confusion.counts.tolist() == [[0]]
    assert np.isnan(evaluation.totals.mean_ap)


def test_evaluate_split_without_detections_has_found_nothing() -> None:
    evaluation = judged(([truth("a", [SQUARE, HALF], [0, 1])], []))
    assert [one.ap50 for one in evaluation.classes[:2]] == [0, 0]
    assert evaluation.coco_stats[:3] == (0, 0, 0)
    totals = evaluation.totals
    assert (totals.micro_recall, totals.false_negatives, totals.mean_ap) == (0, 2, 0)
    assert np.isnan(totals.micro_precision)
    assert len(evaluation.missed) == 2
    assert evaluation.confusion.counts[-1].tolist() == [1, 1, 0, 0]


def test_evaluate_split_without_objects_has_false_positives_only() -> None:
    evaluation = judged(([truth("a", [], [])], [found("a", [SQUARE], [0.9], [1])]))
    totals = evaluation.totals
    assert (totals.micro_precision, totals.false_positives) == (0, 1)
    assert np.isnan([totals.micro_recall, totals.mean_ap]).all()
    assert evaluation.confusion.counts[:, -1].tolist() == [0, 1, 0, 0]
