"""The analysis of errors reads the right columns: it equals tidecv, and the evaluation's counts."""

from __future__ import annotations

import numpy as np
import pytest

from fixtures.from_tools.tide import Case, random_case, run_tidecv
from refdet.analysis.errors import analyse_errors
from refdet.analysis_records import ErrorAnalysis, ErrorKind
from refdet.columns import CategoryTable, DetectionColumns, ImageTable, ObjectColumns
from refdet.evaluate import EvaluationSettings, JudgedDataSet, judged_columns

SETTINGS = EvaluationSettings(max_detections=1000)


def judged(case: Case, settings: EvaluationSettings = SETTINGS, order: int = 0) -> JudgedDataSet:
    """The case with other ids; images not in order, and detections in an order of their own."""
    ids, labels = np.array([30, 70, 90])[: case.n_images], np.array([8, 5, 6])[: case.n_classes]
    objects = ObjectColumns(
        ImageTable(ids[::-1], tuple(map(str, ids[::-1])), np.zeros((len(ids), 2), np.int64)),
        CategoryTable(labels, tuple(map(str, labels))),
        image_ids=ids[case.gt_image],
        category_ids=labels[case.gt_label],
        boxes_xywh=case.gt_xywh,
        area=case.gt_xywh[:, 2] * case.gt_xywh[:, 3],
        crowd=case.gt_crowd,
        ignore=np.zeros(len(case.gt_label), np.bool_),
    )
    # The images come in any order; within one, the detections stay in theirs, for ties.
    place = np.argsort((case.dt_image + order) % case.n_images, kind="stable")
    detections = DetectionColumns(
        ids[case.dt_image], labels[case.dt_label], case.dt_xywh, case.scores
    ).take(place)
    return judged_columns(objects, detections, settings)


def test_analyse_errors_equals_tidecv() -> None:
    """Its means only where no class has detections and no object: see `tidecv_ap` in core."""
    pytest.importorskip("tidecv", reason="tidecv cannot be imported", exc_type=ImportError)
    n_alike = 0
    for seed in range(60):
        case = random_case(np.random.default_rng(seed), ties=seed % 2 == 0)
        want = run_tidecv(case, 0.5, 0.1)
        if want is None:
            continue
        got = analyse_errors(judged(case, order=seed))
        found = {
            "class_aps": got.class_aps,
            "counts": [kind.counts for kind in got.kinds],
            "class_gains": [kind.class_ap_gains for kind in got.kinds],
        }
        if set(case.dt_label) <= set(case.gt_label):
            n_alike += 1
            found |= {
                "tidecv_ap": got.ap,
                "tidecv_gains": [kind.ap_gain for kind in got.kinds],
                "tidecv_false_positive_gain": got.false_positive_gain,
                "tidecv_false_negative_gain": got.false_negative_gain,
            }
        for name, value in found.items():
            np.testing.assert_allclose(
                np.asarray(value, np.float64),
                want[name].astype(np.float64),
                rtol=0,
                atol=1e-9,
                err_msg=f"{seed}: {name}",
            )
    assert 20 < n_alike < 60


def test_analyse_errors_has_the_mean_ap_of_the_evaluation() -> None:
    """A class without objects is left out of both, however often it is detected."""
    corners: list[list[float]] = [[20.0 * place, 0, 10, 10] for place in range(8)]
    found = [(0, box, 0.9 - place / 20) for place, box in enumerate(corners)]
    of_a_class_without = (1, corners[7], 0.6)
    case = one_image([(0, box, False) for box in corners], [*found, of_a_class_without])
    data = judged(case)
    got = analyse_errors(data)
    assert got.ap == data.evaluation("x").totals.mean_ap50 == 1
    assert counts_of(got) == {ErrorKind.CONFUSION: 1}
    assert [kind.ap_gain for kind in got.kinds] == [0] * 6
    assert (got.false_positive_gain, got.false_negative_gain) == (0, 0)


@pytest.mark.parametrize("score_threshold", [0.0, 0.25, 0.5, 1.0])
def test_analyse_errors_has_lrp_of_the_evaluation_s_counts(score_threshold: float) -> None:
    settings = EvaluationSettings(max_detections=3, score_threshold=score_threshold)
    for seed in range(30):
        case = random_case(np.random.default_rng(seed), ties=seed % 2 == 0, crowd=0.2)
        data = judged(case, settings)
        got, evaluation = analyse_errors(data), data.evaluation("x")
        errors = []
        for lrp, best, metrics in zip(got.lrp, got.optimal_lrp, evaluation.classes, strict=True):
            assert lrp.score_threshold == score_threshold
            np.testing.assert_allclose(1 - lrp.false_positive, metrics.precision, atol=1e-12)
            np.testing.assert_allclose(1 - lrp.false_negative, metrics.recall, atol=1e-12)
            n_right = metrics.true_positives
            total = n_right + metrics.false_positives + metrics.false_negatives
            lost = lrp.localization * n_right / 0.5 if n_right else 0.0
            wrong = metrics.false_positives + metrics.false_negatives
            want = (lost + wrong) / total if total else np.nan
            np.testing.assert_allclose(lrp.error, want, atol=1e-12)
            assert not best.error > lrp.error + 1e-12
            if metrics.n_ground_truth:
                errors.append(lrp.error)
        np.testing.assert_allclose(got.mean_lrp, np.mean(errors) if errors else np.nan)


def one_image(
    objects: list[tuple[int, list[float], bool]], found: list[tuple[int, list[float], float]]
) -> Case:
    """Classes, boxes, and whether they are crowds or their scores."""
    return Case(
        1,
        2,
        np.zeros(len(objects), np.int64),
        np.array([label for label, _, _ in objects], np.int64),
        np.array([box for _, box, _ in objects]),
        np.array([crowd for _, _, crowd in objects], np.bool_),
        np.zeros(len(found), np.int64),
        np.array([label for label, _, _ in found], np.int64),
        np.array([box for _, box, _ in found]),
        np.array([score for _, _, score in found]),
    )


def counts_of(errors: ErrorAnalysis) -> dict[ErrorKind, int]:
    return {kind.kind: int(kind.counts.sum()) for kind in errors.kinds if kind.counts.any()}


def test_analyse_errors_measures_a_crowd_over_the_detection_s_area() -> None:
    crowd, regular = (0, [0.0, 0, 100, 100], True), (0, [200.0, 0, 10, 10], False)
    inside, across = [10.0, 10, 4, 4], [98.0, 0, 4, 4]  # all of it, and exactly half of it
    outside, of_another_class = [99.0, 20, 4, 4], (1, [20.0, 20, 4, 4], 0.6)
    found = [(0, inside, 0.9), (0, across, 0.8), (0, outside, 0.7), of_another_class]
    got = analyse_errors(judged(one_image([crowd, regular], found)))
    # A quarter of `outside` lies in the crowd; the other class sees no crowd of class 0.
    assert counts_of(got) == {ErrorKind.BACKGROUND: 2, ErrorKind.MISSED: 1}


def test_analyse_errors_leaves_out_what_is_beyond_the_limit() -> None:
    box = [0.0, 0, 10, 10]
    found = [(0, box, 0.9), (0, box, 0.8), (0, box, 0.7), (1, [50.0, 0, 4, 4], 0.1)]
    case = one_image([(0, box, False)], found)
    two = EvaluationSettings(max_detections=2)
    assert counts_of(analyse_errors(judged(case, two))) == {
        ErrorKind.DUPLICATE: 1,
        ErrorKind.BACKGROUND: 1,
    }
    assert counts_of(analyse_errors(judged(case)))[ErrorKind.DUPLICATE] == 2


def test_analyse_errors_tells_what_equal_scores_hide() -> None:
    box, elsewhere = [0.0, 0, 10, 10], [50.0, 0, 10, 10]
    case = one_image([(0, box, False)], [(0, box, 0.5), (0, elsewhere, 0.5)])
    got = analyse_errors(judged(case))
    # The wrong one first, AP would be 1/2, and removing it would gain as much.
    assert (got.ap, got.tie_cost) == (1, 0.5)
    assert [kind.ap_gain for kind in got.kinds] == [0] * 6
