"""What two runs do differently, against plain loops over images."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from refdet.analysis.changes import changes_between
from refdet.analysis_records import Change, ChangedImage, ChangeKind
from refdet.conformance.strategies import boxes_xyxy, labels, tied_scores
from refdet.evaluate import EvaluationSettings, JudgedDataSet, judged_columns
from refdet.records import Detections, GroundTruth
from tests.evaluate.data_sets import SETTINGS, columns_of
from tests.test_evaluate import found, splits, truth

FOUND, LOST, ADDED, REMOVED = ChangeKind
OPPOSITE = {FOUND: LOST, LOST: FOUND, ADDED: REMOVED, REMOVED: ADDED}
Runs = tuple[list[GroundTruth], list[Detections], list[Detections]]


@st.composite
def two_runs(draw: st.DrawFn) -> Runs:
    """A split, and what another run finds in it."""
    objects, first = draw(splits())
    second = []
    for image in objects:
        count = draw(st.integers(0, 5))
        boxes = draw(boxes_xyxy(count, side=4, min_size=1))
        second.append(found(image.image, boxes, draw(tied_scores(count)), draw(labels(count))))
    return objects, first, second


def judged_both(
    runs: Runs, settings: EvaluationSettings | None = None
) -> tuple[JudgedDataSet, JudgedDataSet]:
    objects, *both = runs
    columns = [columns_of((objects, one)) for one in both]
    a, b = (judged_columns(*one, settings or EvaluationSettings()) for one in columns)
    return a, b


def iou(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return shared / (sum(areas) - shared)


@given(runs=two_runs(), settings=SETTINGS)
def test_changes_between_are_the_differences_of_the_lists(
    runs: Runs, settings: EvaluationSettings
) -> None:
    a, b = judged_both(runs, settings)
    images, changes = changes_between(a, b)
    first, second = a.evaluation("val"), b.evaluation("val")
    missed = [
        Counter((m.image, m.label, m.box_xyxy) for m in one.missed) for one in (first, second)
    ]
    got = {
        kind: Counter((c.image, c.label, c.box_xyxy) for c in changes if c.kind is kind)
        for kind in ChangeKind
    }
    # Counters keep what is positive: objects missed by one run and not by the other.
    assert got[FOUND] == missed[0] - missed[1]
    assert got[LOST] == missed[1] - missed[0]
    wrong = [
        Counter((f.image, f.label, f.box_xyxy, f.score) for f in one.false_positives)
        for one in (first, second)
    ]
    new = [
        Counter((c.image, c.label, c.box_xyxy, c.score) for c in changes if c.kind is kind)
        for kind in (REMOVED, ADDED)
    ]
    shared = [wrong[run] - new[run] for run in (0, 1)]
    assert all(new[run] <= wrong[run] for run in (0, 1))
    assert shared[0].total() == shared[1].total()
    # What is left on both sides has no partner: nothing of it overlaps enough.
    for gone in new[0]:
        for come in new[1]:
            if gone[:2] == come[:2]:
                assert iou(gone[2], come[2]) < settings.iou_threshold
    assert images == tuple(counted(changes))


def counted(changes: tuple[Change, ...]) -> list[ChangedImage]:
    """A row for each image, in the order of the changes."""
    rows: dict[str, ChangedImage] = {}
    fields = dict(
        zip(
            ChangeKind,
            ("found", "lost", "added_false_positives", "removed_false_positives"),
            strict=True,
        )
    )
    for change in changes:
        row = rows.get(change.image, ChangedImage(change.image, 0, 0, 0))
        name = fields[change.kind]
        rows[change.image] = replace(row, **{name: getattr(row, name) + 1})
    return list(rows.values())


@given(runs=two_runs(), settings=SETTINGS)
def test_changes_between_swapped_runs_are_the_opposite(
    runs: Runs, settings: EvaluationSettings
) -> None:
    a, b = judged_both(runs, settings)
    there, back = changes_between(a, b), changes_between(b, a)
    assert Counter(there[1]) == Counter(
        replace(change, kind=OPPOSITE[change.kind]) for change in back[1]
    )
    assert [row.image for row in there[0]] == [row.image for row in back[0]]


@given(runs=two_runs(), settings=SETTINGS)
def test_changes_between_a_run_and_itself_are_none(
    runs: Runs, settings: EvaluationSettings
) -> None:
    a, _ = judged_both(runs, settings)
    assert changes_between(a, a) == ((), ())


BOX, NEAR, FAR = [0, 0, 4, 4], [0, 0, 4, 3], [20, 20, 24, 24]


def test_changes_between_come_by_image_then_kind_then_score() -> None:
    objects = [truth("few", [BOX], [0]), truth("many", [BOX, FAR], [0, 1])]
    first = [found("many", [FAR, [40, 40, 44, 44]], [0.9, 0.6], [1, 1])]
    second = [
        found("few", [NEAR], [0.8], [0]),
        found("many", [BOX, [50, 0, 54, 4], [50, 9, 54, 14]], [0.7, 0.6, 0.9], [0, 1, 1]),
    ]
    images, changes = changes_between(*judged_both((objects, first, second)))
    assert images == (ChangedImage("many", 1, 1, 2, 1), ChangedImage("few", 1, 0, 0, 0))
    assert changes == (
        Change("many", FOUND, 0, (0, 0, 4, 4), 0.7),
        Change("many", LOST, 1, (20, 20, 24, 24), 0.9),
        Change("many", ADDED, 1, (50, 9, 54, 14), 0.9),
        Change("many", ADDED, 1, (50, 0, 54, 4), 0.6),
        Change("many", REMOVED, 1, (40, 40, 44, 44), 0.6),
        Change("few", FOUND, 0, (0, 0, 4, 4), 0.8),
    )


def test_changes_between_take_a_false_positive_that_moved_for_the_same() -> None:
    # IoU 12 / 16: the same false positive. IoU 8 / 16 is at the threshold, 7 / 16 below it.
    objects = [truth("image", [], [])]
    first = [found("image", [BOX], [0.9], [0])]
    heights = {3: True, 2: True, 1.75: False}
    for height, same in heights.items():
        second = [found("image", [[0, 0, 4, height]], [0.6], [0])]
        _, changes = changes_between(*judged_both((objects, first, second)))
        assert [change.kind for change in changes] == ([] if same else [ADDED, REMOVED])


def test_changes_between_pair_a_false_positive_with_one_of_its_class_at_most() -> None:
    objects = [truth("image", [], [])]
    first = [found("image", [BOX], [0.9], [0])]
    second = [found("image", [NEAR, BOX, BOX], [0.9, 0.6, 0.8], [0, 0, 1])]
    _, changes = changes_between(*judged_both((objects, first, second)))
    # The one that overlaps most is the same, though another has a better score.
    assert [(change.label, change.score) for change in changes] == [(0, 0.9), (1, 0.8)]


def test_changes_between_pair_the_better_scored_of_equal_overlaps_either_way() -> None:
    objects = [truth("image", [], [])]
    one = [found("image", [BOX], [0.9], [0])]
    two = [found("image", [NEAR, [0, 1, 4, 4]], [0.9, 0.6], [0, 0])]
    for first, second, kind in ((one, two, ADDED), (two, one, REMOVED)):
        _, changes = changes_between(*judged_both((objects, first, second)))
        assert [(change.kind, change.score) for change in changes] == [(kind, 0.6)]


def test_changes_between_look_at_counted_detections_alone() -> None:
    objects = [truth("image", [BOX], [0])]
    first = [found("image", [BOX, FAR], [0.4, 0.4], [0, 0])]
    nothing: list[Detections] = []
    assert changes_between(*judged_both((objects, first, nothing))) == ((), ())
    low = EvaluationSettings(score_threshold=0.4)
    _, changes = changes_between(*judged_both((objects, first, nothing), low))
    assert [change.kind for change in changes] == [LOST, REMOVED]
