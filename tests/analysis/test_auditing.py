"""Candidates for missing labels: the rule by hand, against plain loops, and on cells taken away."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refdet.analysis.auditing import label_candidates
from refdet.analysis_records import LabelCandidate
from refdet.columns import CategoryTable, DetectionColumns, ImageTable, ObjectColumns
from refdet.data.cells import CLASS_NAMES, HEIGHT, WIDTH, make_field
from refdet.evaluate import EvaluationSettings, JudgedDataSet, judged_columns
from tests.data.small_columns import detections_of, objects_of

SETTINGS = EvaluationSettings(score_threshold=0.05)
Box = list[float]
Found = tuple[int, int, float, Box]
"""Row of the image, row of the class, score, and left, top, width, height."""


def judged(
    objects: ObjectColumns, found: Sequence[Found], settings: EvaluationSettings = SETTINGS
) -> JudgedDataSet:
    """One run."""
    images, labels = [row[0] for row in found], [row[1] for row in found]
    scores, boxes = [row[2] for row in found], [row[3] for row in found]
    return judged_columns(objects, detections_of(objects, boxes, images, labels, scores), settings)


def candidates(objects: ObjectColumns, *runs: Sequence[Found]) -> tuple[LabelCandidate, ...]:
    """Of several runs."""
    return label_candidates([judged(objects, run) for run in runs])


def test_label_candidates_rank_what_all_runs_see_before_what_one_is_sure_of() -> None:
    objects = objects_of([[0, 0, 4, 4]], [0], [0])
    everyone = (0, 0, 0.6, [20.0, 0.0, 10.0, 10.0])
    alone = (1, 1, 0.99, [0.0, 0.0, 8.0, 8.0])
    got = candidates(objects, [everyone], [alone, everyone], [everyone])
    assert [(one.image, one.label, one.n_runs) for one in got] == [("a.png", 0, 3), ("b.jpg", 1, 1)]
    assert [one.score for one in got] == pytest.approx([0.6, 0.33])
    assert got[1].run_scores == (0.0, 0.99, 0.0)


def test_label_candidates_have_the_mean_box_and_mean_score() -> None:
    runs = [[(0, 0, 0.75, [0.0, 0.0, 10.0, 10.0])], [(0, 0, 0.25, [2.0, 0.0, 10.0, 12.0])]]
    (got,) = candidates(objects_of(), *runs)
    assert got.box_xyxy == (1.0, 0.0, 11.0, 11.0)
    assert (got.score, got.n_runs, got.best_iou) == (0.5, 2, 0.0)


def test_label_candidates_of_equal_score_go_by_how_many_runs_see_them() -> None:
    one = (0, 0, 0.5, [0.0, 0.0, 8.0, 8.0])
    runs = [[one], [(1, 0, 0.25, [0.0, 0.0, 8.0, 8.0])], [(1, 0, 0.25, [0.0, 0.0, 8.0, 8.0])]]
    assert [got.n_runs for got in candidates(objects_of(), *runs)] == [2, 1]


@pytest.mark.parametrize(("height", "n_candidates"), [(5.0, 1), (4.999, 2)])
def test_label_candidates_agree_from_an_iou_of_a_half(height: float, n_candidates: int) -> None:
    runs = [[(0, 0, 0.9, [0.0, 0.0, 8.0, 10.0])], [(0, 0, 0.8, [0.0, 0.0, 8.0, height])]]
    assert len(candidates(objects_of(), *runs)) == n_candidates


def test_label_candidates_do_not_agree_across_classes() -> None:
    box = [0.0, 0.0, 8.0, 8.0]
    assert len(candidates(objects_of(), [(0, 0, 0.9, box)], [(0, 1, 0.9, box)])) == 2


def test_label_candidates_count_a_run_once_however_often_it_sees_the_place() -> None:
    twice = [(0, 0, 0.6, [0.0, 0.0, 10.0, 10.0]), (0, 0, 0.9, [0.0, 0.0, 10.0, 9.0])]
    (got,) = candidates(objects_of(), twice)
    assert (got.n_runs, got.score, got.box_xyxy) == (1, 0.9, (0.0, 0.0, 10.0, 9.0))


def test_label_candidates_count_each_detection_once() -> None:
    # The second overlaps both others by 2/3, which overlap each other by 0.4.
    runs = [
        [(0, 0, 0.9, [0.0, 0.0, 14.0, 10.0]), (0, 0, 0.7, [6.0, 0.0, 14.0, 10.0])],
        [(0, 0, 0.8, [3.0, 0.0, 14.0, 10.0])],
    ]
    got = candidates(objects_of(), *runs)
    assert [one.run_scores for one in got] == [(0.9, 0.8), (0.7, 0.0)]


def test_label_candidates_of_a_box_without_area_are_there() -> None:
    (got,) = candidates(objects_of(), [(0, 0, 0.9, [3.0, 3.0, 0.0, 0.0])])
    assert got.box_xyxy == (3.0, 3.0, 3.0, 3.0)


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize(("width", "n_candidates"), [(1.0, 0), (0.9, 1)])
def test_label_candidates_stay_below_the_background_iou_with_any_class(
    label: int, width: float, n_candidates: int
) -> None:
    # The object covers `width` / 10 of the detection, and lies within it.
    objects = objects_of([[0, 0, width, 10]], [0], [label])
    assert len(candidates(objects, [(0, 0, 0.9, [0.0, 0.0, 10.0, 10.0])])) == n_candidates


def test_label_candidates_leave_out_what_lies_on_ignored_objects() -> None:
    box = [0.0, 0.0, 10.0, 10.0]
    for label in (0, 1):
        objects = objects_of([box], [0], [label], ignore=[0])
        assert candidates(objects, [(0, 0, 0.9, box)]) == ()


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize(("left", "n_candidates"), [(60.0, 0), (68.0, 0), (69.5, 1)])
def test_label_candidates_leave_out_what_lies_in_a_crowd(
    label: int, left: float, n_candidates: int
) -> None:
    # Of 10 pixels 10, 2 and 0.5 are in the crowd, whose IoU with the box is small in any case.
    objects = objects_of([[0, 0, 70, 70]], [0], [label], crowd=[0])
    assert len(candidates(objects, [(0, 0, 0.9, [left, 0.0, 10.0, 10.0])])) == n_candidates


def test_label_candidates_take_scores_from_the_threshold_on() -> None:
    runs = [[(0, 0, 0.05, [0.0, 0.0, 8.0, 8.0]), (0, 0, 0.049, [20.0, 0.0, 8.0, 8.0])]]
    assert [got.score for got in candidates(objects_of(), *runs)] == [0.05]


def test_label_candidates_of_runs_that_find_nothing_are_none() -> None:
    assert candidates(objects_of([[0, 0, 4, 4]], [0], [0]), [], []) == ()
    assert candidates(objects_of(names=()), []) == ()


def test_label_candidates_refuse_runs_that_cannot_agree() -> None:
    run = judged(objects_of(), [])
    with pytest.raises(ValueError, match="runs is empty"):
        label_candidates([])
    with pytest.raises(ValueError, match="different objects"):
        label_candidates([run, judged(objects_of(), [])])
    with pytest.raises(ValueError, match="agreement_iou = 0 is not in"):
        label_candidates([run], 0)


SIDES = st.integers(0, 4).map(float)
FOUND = st.tuples(
    st.integers(0, 1),
    st.integers(0, 1),
    st.sampled_from([0.0, 0.05, 0.5, 0.5, 0.75]),
    st.tuples(SIDES, SIDES, SIDES, SIDES).map(list),
)


@given(
    runs=st.lists(st.lists(FOUND, max_size=5), min_size=1, max_size=3),
    boxes=st.lists(st.tuples(SIDES, SIDES, SIDES, SIDES), max_size=2),
)
def test_label_candidates_equal_plain_loops(
    runs: list[list[Found]], boxes: list[tuple[float, ...]]
) -> None:
    objects = objects_of(boxes, [0] * len(boxes), [1] * len(boxes))
    all_judged = [judged(objects, run) for run in runs]
    got = label_candidates(all_judged)
    wrong = [
        [
            row
            for row, false in zip(run, one.false.tolist(), strict=True)
            if false and row[2] >= 0.05
        ]
        for run, one in zip(runs, all_judged, strict=True)
    ]
    want = by_plain_loops(wrong, boxes)
    assert len(got) == len(want)
    for mine, (image, label, score, n_runs, box) in zip(got, want, strict=True):
        assert (mine.image, mine.label, mine.n_runs) == (image, label, n_runs)
        assert mine.score == score
        assert mine.box_xyxy == pytest.approx(box)


def by_plain_loops(
    runs: Sequence[Sequence[Found]], annotated: Sequence[Sequence[float]]
) -> list[tuple[str, int, float, int, list[float]]]:
    """The rule of `label_candidates`, for objects in the first image."""
    out = []
    for image in (0, 1):
        for label in (0, 1):
            left = [
                (-row[2], number, place, row[3])
                for number, run in enumerate(runs)
                for place, row in enumerate(run)
                if row[:2] == (image, label)
            ]
            left.sort()
            while left:
                first = left[0]
                group = [one for one in left if one is first or iou(one[3], first[3]) >= 0.5]
                left = [one for one in left if one not in group]
                best = [next(o for o in group if o[1] == n) for n in {o[1] for o in group}]
                box = [sum(corners(o[3])[k] for o in best) / len(best) for k in range(4)]
                wide = [box[0], box[1], box[2] - box[0], box[3] - box[1]]
                objects = annotated if image == 0 else ()
                if all(iou(wide, other) < 0.1 for other in objects):
                    score = -math.fsum(o[0] for o in best) / len(runs)
                    out.append((("a.png", "b.jpg")[image], label, score, len(best), box))
    return sorted(out, key=lambda one: (-one[2], -one[3]))


def corners(box: Sequence[float]) -> list[float]:
    """Left, top, right, bottom."""
    return [box[0], box[1], box[0] + box[2], box[1] + box[3]]


def iou(a: Sequence[float], b: Sequence[float]) -> float:
    """Of two boxes given by left, top, width, height."""
    across = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    down = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(across, 0) * max(down, 0)
    union = a[2] * a[3] + b[2] * b[3] - shared
    return shared / union if union else 0.0


def test_label_candidates_put_removed_cells_first() -> None:
    """Three runs see nearly all cells and err by themselves; a tenth of the cells has no label."""
    rng = np.random.default_rng(5)
    complete = cells(30)
    n_cells = len(complete)
    removed = rng.choice(n_cells, n_cells // 10, replace=False)
    kept = np.setdiff1d(np.arange(n_cells), removed)
    annotated = replace(
        complete,
        **{
            name: getattr(complete, name)[kept]
            for name in ("image_ids", "category_ids", "boxes_xywh", "area", "crowd", "ignore")
        },
    )
    runs = [judged_columns(annotated, imperfect(complete, rng), SETTINGS) for _ in range(3)]
    ids = dict(zip(complete.images.names, complete.images.ids.tolist(), strict=True))
    first = label_candidates(runs)[: len(removed)]
    hit = set()
    for candidate in first:
        x1, y1, x2, y2 = candidate.box_xyxy
        for row in removed.tolist():
            same_place = complete.image_ids[row] == ids[candidate.image]
            box = complete.boxes_xywh[row].tolist()
            if same_place and iou([x1, y1, x2 - x1, y2 - y1], box) >= 0.5:
                hit.add(row)
    # A removed cell that overlaps one with a label is not on background: those may lack.
    alone = [row for row in removed.tolist() if overlap_in(annotated, complete, row) < 0.05]
    assert set(alone) <= hit
    assert len(alone) > 0.6 * len(removed)


def overlap_in(annotated: ObjectColumns, complete: ObjectColumns, row: int) -> float:
    """The highest IoU of a removed cell with one that still has its label."""
    same = annotated.image_ids == complete.image_ids[row]
    own = complete.boxes_xywh[row].tolist()
    return max((iou(own, box) for box in annotated.boxes_xywh[same].tolist()), default=0.0)


def cells(n_images: int) -> ObjectColumns:
    """Fields of the fixture's generator, with all their cells."""
    placed = [
        (image, CLASS_NAMES.index(cell.class_name), cell.box())
        for image in range(n_images)
        for cell in make_field(7, image)[1]
    ]
    xyxy = np.array([box for _, _, box in placed], np.float64)
    xywh = np.concatenate([xyxy[:, :2] - 1, xyxy[:, 2:] - xyxy[:, :2] + 1], axis=1)
    none = np.zeros(len(placed), np.bool_)
    return ObjectColumns(
        ImageTable(
            np.arange(n_images),
            tuple(f"cells_{image:04d}" for image in range(n_images)),
            np.tile([WIDTH, HEIGHT], (n_images, 1)),
        ),
        CategoryTable(np.arange(3), CLASS_NAMES),
        image_ids=np.array([image for image, _, _ in placed]),
        category_ids=np.array([label for _, label, _ in placed]),
        boxes_xywh=xywh,
        area=xywh[:, 2] * xywh[:, 3],
        crowd=none,
        ignore=none,
    )


def imperfect(complete: ObjectColumns, rng: np.random.Generator) -> DetectionColumns:
    """19 of 20 cells a little off, and as many sure errors in random places as a tenth of them."""
    seen = np.flatnonzero(rng.random(len(complete)) < 0.95)
    errors = rng.choice(len(complete), len(complete) // 10)
    shifted = complete.boxes_xywh[seen] + rng.normal(0, 0.5, (len(seen), 4))
    lost = complete.boxes_xywh[errors].copy()
    lost[:, :2] = rng.uniform(0, [WIDTH - 20, HEIGHT - 20], (len(errors), 2))
    rows = np.concatenate([seen, errors])
    return DetectionColumns(
        complete.image_ids[rows],
        complete.category_ids[rows],
        np.concatenate([np.maximum(shifted, 0), lost]),
        np.concatenate([rng.uniform(0.6, 0.95, len(seen)), rng.uniform(0.5, 1, len(errors))]),
    )
