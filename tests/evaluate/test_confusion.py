"""The confusion matrix: every counted detection and every object that counts in one cell."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from refdet.core.iou import iou_matrix
from refdet.core.matching import match_coco
from refdet.evaluate import EvaluationSettings, evaluate_columns
from refdet.records import I64, Evaluation
from tests.evaluate.data_sets import SETTINGS, columns_of, images_of, judged_image
from tests.test_evaluate import BESIDE, HALF, NAMES, SQUARE, Split, found, judged, splits, truth

CAT, DOG, BACKGROUND = 0, 1, 2
PETS = ("cat", "dog")


def naive_confusion(split: Split, settings: EvaluationSettings) -> I64:
    """Image by image: first within a class, then what is left over whatever its class."""
    background = len(NAMES)
    counts = np.zeros((background + 1, background + 1), np.int64)
    for objects, detections in images_of(split):
        one = judged_image(objects, detections, settings)
        right = np.flatnonzero(one.counted & (one.object_row >= 0))
        np.add.at(counts, (detections.labels[right], detections.labels[right]), 1)
        wrong = np.flatnonzero(one.counted & (one.object_row < 0) & ~one.ignored)
        there = set(np.flatnonzero(~objects.difficult).tolist())
        left = sorted(there - set(one.object_row[right].tolist()))
        iou = iou_matrix(detections.boxes_xyxy[wrong], objects.boxes_xyxy[left])
        got = match_coco(iou, detections.scores[wrong], [settings.iou_threshold])
        found_left = zip(wrong, got.object_index[0].tolist(), got.matched[0], strict=True)
        for row, place, matched in found_left:
            label = int(objects.labels[left[place]]) if matched else background
            counts[detections.labels[row], label] += 1
        confused = set(got.object_index[0, got.matched[0]].tolist())
        for number, label in enumerate(objects.labels[left].tolist()):
            counts[background, label] += int(number not in confused)
    return counts


@given(split=splits(), settings=SETTINGS)
def test_confusion_equals_matching_image_by_image(
    split: Split, settings: EvaluationSettings
) -> None:
    confusion = judged(split, settings=settings).confusion
    assert confusion.counts.tolist() == naive_confusion(split, settings).tolist()


@given(split=splits(), settings=SETTINGS)
def test_confusion_has_every_detection_and_every_object_in_one_cell(
    split: Split, settings: EvaluationSettings
) -> None:
    evaluation = judged(split, settings=settings)
    counts, n_classes = evaluation.confusion.counts, len(NAMES)
    detected = np.zeros(n_classes, np.int64)
    there = np.zeros(n_classes, np.int64)
    ignored = ignored_objects = unjudged = 0
    thresholds = settings.score_thresholds(n_classes)
    for objects, detections in images_of(split):
        one = judged_image(objects, detections, settings)
        np.add.at(detected, detections.labels[one.counted & ~one.ignored], 1)
        np.add.at(there, objects.labels[~objects.difficult], 1)
        reaches = detections.scores >= thresholds[detections.labels]
        unjudged += int(np.count_nonzero(reaches & ~one.counted))
        ignored += int(np.count_nonzero(one.counted & one.ignored))
        ignored_objects += int(np.count_nonzero(objects.difficult))
    assert counts[:-1].sum(axis=1).tolist() == detected.tolist()
    assert counts[:, :-1].sum(axis=0).tolist() == there.tolist()
    assert counts[-1, -1] == 0
    assert evaluation.confusion.ignored_detections == ignored
    assert evaluation.confusion.unjudged_detections == unjudged
    assert evaluation.confusion.ignored_objects == ignored_objects


def assert_agrees_with_table(evaluation: Evaluation) -> None:
    """The matrix, the classes and the totals tell one story."""
    counts, classes, totals = evaluation.confusion.counts, evaluation.classes, evaluation.totals
    diagonal = counts.diagonal()[:-1]
    assert diagonal.tolist() == [one.true_positives for one in classes]
    assert counts[:-1].sum(axis=1).tolist() == [
        one.true_positives + one.false_positives for one in classes
    ]
    assert counts[:, :-1].sum(axis=0).tolist() == [one.n_ground_truth for one in classes]
    assert diagonal.sum() == totals.true_positives
    assert counts[:-1].sum() - diagonal.sum() == totals.false_positives
    assert counts[:, :-1].sum() - diagonal.sum() == totals.false_negatives
    assert evaluation.confusion.class_names == tuple(one.name for one in classes)


@given(split=splits(), settings=SETTINGS)
def test_confusion_agrees_with_classes_and_totals(
    split: Split, settings: EvaluationSettings
) -> None:
    assert_agrees_with_table(judged(split, settings=settings))
    columns = columns_of(split, category_ids=(7, 3, 5))
    assert_agrees_with_table(evaluate_columns(*columns, split="val", settings=settings))


# --- By hand ---


def confusion(split: Split) -> dict[tuple[int, int], int]:
    """The cells that are not zero: what was detected, what was there."""
    counts = judged(split, PETS).confusion.counts
    return {(int(row), int(column)): int(n) for (row, column), n in np.ndenumerate(counts) if n}


def test_confusion_of_a_dog_seen_where_a_cat_is() -> None:
    split = ([truth("a", [SQUARE], [CAT])], [found("a", [SQUARE], [0.9], [DOG])])
    assert confusion(split) == {(DOG, CAT): 1}


def test_confusion_counts_a_second_detection_of_an_object_as_background() -> None:
    split = ([truth("a", [SQUARE], [CAT])], [found("a", [SQUARE, HALF], [0.9, 0.8], [CAT, CAT])])
    assert confusion(split) == {(CAT, CAT): 1, (CAT, BACKGROUND): 1}


def test_confusion_gives_a_cat_to_the_cat_detection_whatever_a_dog_detection_scores() -> None:
    split = ([truth("a", [SQUARE], [CAT])], [found("a", [SQUARE, HALF], [0.9, 0.8], [DOG, CAT])])
    assert confusion(split) == {(CAT, CAT): 1, (DOG, BACKGROUND): 1}


def test_confusion_gives_an_object_to_one_of_two_wrong_detections() -> None:
    split = ([truth("a", [SQUARE], [CAT])], [found("a", [SQUARE, HALF], [0.8, 0.9], [DOG, DOG])])
    assert confusion(split) == {(DOG, CAT): 1, (DOG, BACKGROUND): 1}


def test_confusion_gives_a_duplicate_an_object_of_another_class_that_nothing_found() -> None:
    # The second detection is a duplicate among cats; the dog below it is what it did cover.
    split = (
        [truth("a", [SQUARE, HALF], [CAT, DOG])],
        [found("a", [SQUARE, HALF], [0.9, 0.8], [CAT, CAT])],
    )
    assert confusion(split) == {(CAT, CAT): 1, (CAT, DOG): 1}


def test_confusion_holds_a_missed_object_and_a_detection_of_nothing_apart() -> None:
    split = ([truth("a", [SQUARE], [CAT])], [found("a", [BESIDE], [0.9], [CAT])])
    assert confusion(split) == {(CAT, BACKGROUND): 1, (BACKGROUND, CAT): 1}


def test_confusion_has_no_cell_for_a_difficult_object_and_what_finds_it() -> None:
    split = ([truth("a", [SQUARE], [CAT], [True])], [found("a", [SQUARE], [0.9], [CAT])])
    assert confusion(split) == {}
    evaluation = judged(split, PETS).confusion
    assert (evaluation.ignored_detections, evaluation.ignored_objects) == (1, 1)


def test_confusion_does_not_take_a_difficult_object_for_another_class() -> None:
    split = ([truth("a", [SQUARE], [CAT], [True])], [found("a", [SQUARE], [0.9], [DOG])])
    assert confusion(split) == {(DOG, BACKGROUND): 1}


def test_confusion_keeps_false_positives_of_images_without_objects() -> None:
    split = (
        [truth("a", [], []), truth("b", [SQUARE], [DOG])],
        [found("a", [SQUARE, HALF], [0.9, 0.8], [CAT, DOG]), found("b", [SQUARE], [0.9], [DOG])],
    )
    assert confusion(split) == {(CAT, BACKGROUND): 1, (DOG, BACKGROUND): 1, (DOG, DOG): 1}


def test_confusion_leaves_out_what_does_not_reach_its_score_threshold() -> None:
    split = ([truth("a", [SQUARE], [CAT])], [found("a", [SQUARE, HALF], [0.4, 0.3], [CAT, DOG])])
    assert confusion(split) == {(BACKGROUND, CAT): 1}


def test_confusion_of_other_images_is_apart() -> None:
    split = (
        [truth("a", [SQUARE], [CAT]), truth("b", [], [])],
        [found("b", [SQUARE], [0.9], [DOG])],
    )
    assert confusion(split) == {(DOG, BACKGROUND): 1, (BACKGROUND, CAT): 1}


def test_confusion_takes_equal_scores_in_input_order() -> None:
    # Neither detection is of the horse's class; the dog's is the first in the input.
    names, horse = (*PETS, "horse"), 2
    detections = found("a", [SQUARE, SQUARE], [0.9, 0.9], [DOG, CAT])
    counts = judged(([truth("a", [SQUARE], [horse])], [detections]), names).confusion.counts
    assert (counts[DOG, horse], counts[CAT, horse], counts[CAT, -1]) == (1, 0, 1)


def test_confusion_gives_the_later_of_two_objects_that_overlap_alike() -> None:
    names, horse, cow = (*PETS, "horse", "cow"), 2, 3
    objects = truth("a", [SQUARE, SQUARE], [cow, horse])
    detections = found("a", [SQUARE], [0.9], [DOG])
    counts = judged(([objects], [detections]), names).confusion.counts
    assert (counts[DOG, horse], counts[DOG, cow], counts[-1, cow]) == (1, 0, 1)
