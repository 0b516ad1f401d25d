"""A split judged: counts that agree with each other, pycocotools' numbers, and messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fixtures.from_tools.pycocotools_run import run_coco_eval
from refdet.conformance.strategies import boxes_xyxy, distinct_scores, labels, tied_scores
from refdet.evaluate import EvaluationSettings, evaluate_split
from refdet.records import (
    F64,
    Detections,
    Evaluation,
    FalsePositiveKind,
    GroundTruth,
)

NAMES = ("WBC", "RBC", "Platelets")
Split = tuple[list[GroundTruth], list[Detections]]


def truth(image: str, boxes: object, classes: object, difficult: object = None) -> GroundTruth:
    array = np.array(boxes, np.float64).reshape(-1, 4)
    flags = np.zeros(len(array), bool) if difficult is None else np.array(difficult, bool)
    return GroundTruth(image, 64, 64, array, np.array(classes, np.int64), flags)


def found(image: str, boxes: object, scores: object, classes: object) -> Detections:
    array = np.array(boxes, np.float64).reshape(-1, 4)
    return Detections(image, array, np.array(scores, np.float64), np.array(classes, np.int64))


DEFAULT = EvaluationSettings()


def judged(
    split: Split, names: Sequence[str] = NAMES, settings: EvaluationSettings = DEFAULT
) -> Evaluation:
    return evaluate_split(*split, names, split="val", settings=settings)


EITHER = st.booleans()


@st.composite
def splits(
    draw: st.DrawFn,
    difficult: st.SearchStrategy[bool] = EITHER,
    scores: Callable[[int], st.SearchStrategy[F64]] = tied_scores,
) -> Split:
    """Up to 3 images on a grid of 4 x 4, of 3 classes; some without a record of detections."""
    n_images = draw(st.integers(0, 3))
    counts = [draw(st.integers(0, 5)) for _ in range(n_images)]
    all_scores, start = draw(scores(sum(counts))), 0
    objects, detections = [], []
    for image, count in enumerate(counts):
        n_objects = draw(st.integers(0, 4))
        objects.append(
            truth(
                f"image {image}",
                draw(boxes_xyxy(n_objects, side=4, min_size=1)),
                draw(labels(n_objects)),
                draw(hnp.arrays(np.bool_, (n_objects,), elements=difficult)),
            )
        )
        if count or draw(st.booleans()):
            boxes = draw(boxes_xyxy(count, side=4, min_size=1))
            classes = draw(labels(count))
            detections.append(
                found(f"image {image}", boxes, all_scores[start : start + count], classes)
            )
        start += count
    return objects, detections


THRESHOLDS = st.sampled_from([0.0, 0.2, 0.4, 0.6, 1.0])

# --- Counts that agree ---


@given(split=splits(), score_threshold=THRESHOLDS)
def test_evaluate_split_finds_or_misses_every_object_that_counts(
    split: Split, score_threshold: float
) -> None:
    evaluation = judged(split, settings=EvaluationSettings(score_threshold=score_threshold))
    for one in evaluation.classes:
        objects = sum(
            int(np.count_nonzero((image.labels == one.label) & ~image.difficult))
            for image in split[0]
        )
        missed = [missed for missed in evaluation.missed if missed.label == one.label]
        assert one.true_positives + one.false_negatives == one.n_ground_truth == objects
        assert len(missed) == one.false_negatives


@given(split=splits(), score_threshold=THRESHOLDS)
def test_evaluate_split_records_every_false_positive_that_it_counts(
    split: Split, score_threshold: float
) -> None:
    evaluation = judged(split, settings=EvaluationSettings(score_threshold=score_threshold))
    detections = {record.image: record for record in split[1]}
    for one in evaluation.classes:
        records = [wrong for wrong in evaluation.false_positives if wrong.label == one.label]
        assert len(records) == one.false_positives
    for image in detections:
        rows = [wrong.index for wrong in evaluation.false_positives if wrong.image == image]
        assert rows == sorted(rows)
    for wrong in evaluation.false_positives:
        record = detections[wrong.image]
        assert wrong.label == record.labels[wrong.index]
        assert wrong.score == record.scores[wrong.index] >= score_threshold
        assert list(wrong.box_xyxy) == record.boxes_xyxy[wrong.index].tolist()


@given(split=splits(scores=distinct_scores), data=st.data())
def test_evaluate_split_does_not_depend_on_image_order(split: Split, data: st.DataObject) -> None:
    shuffled = (data.draw(st.permutations(split[0])), data.draw(st.permutations(split[1])))
    before, after = judged(split), judged(shuffled)
    assert repr(after.classes) == repr(before.classes)  # NaN is NaN to repr only
    assert sorted(after.false_positives, key=repr) == sorted(before.false_positives, key=repr)
    assert sorted(after.missed, key=repr) == sorted(before.missed, key=repr)


@given(split=splits())
def test_evaluate_split_takes_a_missing_record_for_an_empty_one(split: Split) -> None:
    there = {record.image for record in split[1]}
    empty = [found(image.image, [], [], []) for image in split[0] if image.image not in there]
    assert repr(judged((split[0], split[1] + empty)).classes) == repr(judged(split).classes)


# --- Someone else's numbers ---


@given(split=splits(difficult=st.just(False)))
def test_evaluate_split_means_equal_pycocotools(split: Split) -> None:
    evaluation = judged(split)
    places = {image.image: place for place, image in enumerate(split[0])}
    stats = run_coco_eval(
        len(split[0]),
        len(NAMES),
        [
            {"image_id": places[image.image], "category_id": label, "bbox": _xywh(box)}
            for image in split[0]
            for box, label in zip(image.boxes_xyxy, image.labels.tolist(), strict=True)
        ],
        [
            {"image_id": places[r.image], "category_id": label, "bbox": _xywh(box), "score": score}
            for r in split[1]
            for box, label, score in zip(
                r.boxes_xyxy, r.labels.tolist(), r.scores.tolist(), strict=True
            )
        ],
    ).stats[:3]
    got = [evaluation.mean_ap, evaluation.mean_ap50, evaluation.mean_ap75]
    want = [np.nan if number == -1 else number for number in stats]
    np.testing.assert_array_equal(got, want)


def _xywh(box: F64) -> list[float]:
    x1, y1, x2, y2 = box.tolist()
    return [x1, y1, x2 - x1, y2 - y1]


# --- By hand ---

SQUARE, HALF, BESIDE = [0, 0, 10, 10], [0, 0, 10, 5], [20, 0, 30, 10]


def test_evaluate_split_counts_at_the_score_threshold_and_lets_ap_see_everything() -> None:
    split = (
        [truth("a", [SQUARE, BESIDE], [0, 0])],
        [found("a", [SQUARE, BESIDE, SQUARE], [0.9, 0.4, 0.6], [0, 0, 0])],
    )
    one = judged(split, NAMES[:1], EvaluationSettings(score_threshold=0.6)).classes[0]
    assert (one.true_positives, one.false_positives, one.false_negatives) == (1, 1, 1)
    assert (one.precision, one.recall, one.f1) == (0.5, 0.5, 0.5)
    # Precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1: 51 levels see 1, 50 see 2/3.
    assert one.ap50 == pytest.approx((51 + 100 / 3) / 101, abs=1e-12)
    assert one.ap50_voc == pytest.approx((1 + 2 / 3) / 2, abs=1e-12)
    assert one.ap50_voc07 == pytest.approx((6 + 10 / 3) / 11, abs=1e-12)
    assert (
        judged(split, NAMES[:1], EvaluationSettings(score_threshold=1)).classes[0].ap50 == one.ap50
    )
    assert one.n_detections == 3


def test_evaluate_split_gives_a_class_that_is_never_detected_an_f1_of_0() -> None:
    split = ([truth("a", [SQUARE, SQUARE], [0, 1])], [found("a", [SQUARE], [0.9], [0])])
    evaluation = judged(split)
    assert [one.f1 for one in evaluation.classes[:2]] == [1, 0]
    assert np.isnan(evaluation.classes[1].precision)
    # Of two classes with objects; micro: 1 right, none wrong, 1 missed.
    assert (evaluation.totals.macro_f1, evaluation.totals.micro_f1) == (0.5, 2 / 3)


def test_evaluate_split_matches_ap50_voc_by_vocs_rule() -> None:
    # Both detections overlap the first object most: VOC gives the second of them nothing.
    objects = truth("a", [[0, 0, 10, 10], [0, 0, 10, 9]], [0, 0])
    split = ([objects], [found("a", [SQUARE, [0, 0, 10, 9.75]], [0.9, 0.8], [0, 0])])
    one = judged(split, NAMES[:1]).classes[0]
    assert (one.ap50, one.ap50_voc) == (1, 0.5)


def test_evaluate_split_leaves_a_class_without_ground_truth_out_of_the_means_and_counts_it() -> (
    None
):
    split = ([truth("a", [SQUARE], [0])], [found("a", [SQUARE, SQUARE], [0.9, 0.9], [0, 1])])
    evaluation = judged(split)
    assert evaluation.classes_without_ground_truth == ("RBC", "Platelets")
    assert evaluation.mean_ap50 == evaluation.classes[0].ap50 == pytest.approx(1)
    assert np.isnan([evaluation.classes[1].ap, evaluation.classes[1].recall]).all()
    assert (evaluation.classes[1].false_positives, evaluation.classes[1].precision) == (1, 0)
    assert np.isnan([evaluation.classes[2].precision, evaluation.classes[2].f1]).all()
    assert set(evaluation.curves) == {0}
    (wrong,) = evaluation.false_positives
    assert (wrong.kind, wrong.confused_with) == (FalsePositiveKind.CONFUSION, 0)


def test_evaluate_split_counts_nothing_for_a_difficult_object() -> None:
    split = ([truth("a", [SQUARE], [0], [True])], [found("a", [SQUARE], [0.9], [0])])
    evaluation = judged(split, NAMES[:1])
    one = evaluation.classes[0]
    assert (one.true_positives, one.false_positives, one.false_negatives) == (0, 0, 0)
    assert (evaluation.false_positives, evaluation.missed, one.n_ground_truth) == ((), (), 0)


def test_evaluate_split_calls_a_second_detection_of_a_difficult_object_a_duplicate() -> None:
    detections = found("a", [SQUARE, HALF], [0.9, 0.8], [0, 0])
    evaluation = judged(([truth("a", [SQUARE], [0], [True])], [detections]), NAMES[:1])
    (wrong,) = evaluation.false_positives
    assert (wrong.index, wrong.kind) == (1, FalsePositiveKind.DUPLICATE)
    assert evaluation.classes[0].false_positives == 1


def test_evaluate_split_ignores_a_second_detection_of_a_difficult_object_for_voc_only() -> None:
    objects = truth("a", [SQUARE, BESIDE], [0, 0], [True, False])
    split = ([objects], [found("a", [SQUARE, SQUARE, BESIDE], [0.9, 0.8, 0.7], [0, 0, 0])])
    one = judged(split, NAMES[:1]).classes[0]
    assert (one.ap50_voc, one.ap50_voc07) == (1, 1)
    assert one.ap50 == pytest.approx(0.5)


def test_evaluate_split_lists_no_less_than_it_counts_where_an_object_is_difficult() -> None:
    # The first detection takes the object that counts from the second, which overlaps it most.
    objects = truth("a", [SQUARE, HALF], [0, 0], [True, False])
    split = ([objects], [found("a", [SQUARE, [0, 0, 8, 5]], [0.9, 0.8], [0, 0])])
    evaluation = judged(split, NAMES[:1])
    assert evaluation.classes[0].false_positives == len(evaluation.false_positives) == 1


def test_evaluate_split_judges_the_best_of_too_many_detections() -> None:
    boxes = [BESIDE, BESIDE, SQUARE]
    split = ([truth("a", [SQUARE], [0])], [found("a", boxes, [0.9, 0.8, 0.7], [0, 0, 0])])
    one = judged(split, NAMES[:1], EvaluationSettings(max_detections=2)).classes[0]
    assert (one.true_positives, one.false_positives, one.n_detections) == (0, 2, 2)
    assert (
        judged(split, NAMES[:1], EvaluationSettings(max_detections=3)).classes[0].true_positives
        == 1
    )


def test_evaluate_split_takes_the_iou_threshold_for_counts_and_curves_not_for_ap() -> None:
    split = ([truth("a", [SQUARE], [0])], [found("a", [HALF], [0.9], [0])])
    at_half, above = (
        judged(split, NAMES[:1], EvaluationSettings(iou_threshold=t)) for t in (0.5, 0.75)
    )
    assert [e.classes[0].true_positives for e in (at_half, above)] == [1, 0]
    assert [e.curves[0].recall.tolist() for e in (at_half, above)] == [[1], [0]]
    assert at_half.mean_ap50 == above.mean_ap50 == pytest.approx(1)
    assert above.classes[0].ap50_voc == above.classes[0].ap50_voc07 == 1
    assert (above.classes[0].precision, above.classes[0].recall, above.classes[0].f1) == (0, 0, 0)
    assert above.false_positives[0].kind is FalsePositiveKind.LOCALIZATION


@pytest.mark.parametrize(("height", "ap75"), [(7.25, 0), (7.5, 1)])
def test_evaluate_split_takes_ap75_at_0_75(height: float, ap75: float) -> None:
    split = ([truth("a", [SQUARE], [0])], [found("a", [[0, 0, 10, height]], [0.9], [0])])
    evaluation = judged(split, NAMES[:1])
    assert (evaluation.mean_ap75, evaluation.classes[0].ap75) == pytest.approx((ap75, ap75))


def test_evaluate_split_of_nothing_is_undefined() -> None:
    evaluation = judged(([], []))
    assert evaluation.n_images == 0
    assert evaluation.classes_without_ground_truth == NAMES
    assert np.isnan([evaluation.mean_ap, evaluation.mean_ap50, evaluation.mean_ap75]).all()
