"""What is peculiar to our TIDE: it equals tidecv on many data sets; messages; purity."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fixtures.from_tools.tide import Case, pairs_of, random_case, run_tidecv
from refdet.analysis_records import ErrorKind
from refdet.conformance.comparing import assert_close
from refdet.core.tide import TideErrors, TideKind, tide_errors

THRESHOLDS = [(0.5, 0.1), (0.5, 0.125), (0.75, 0.25), (0.3, 0.3), (1.0, 0.5)]


@pytest.fixture
def tidecv() -> None:
    """Skips where tidecv cannot be imported, such as without OpenCV's libraries."""
    pytest.importorskip("tidecv", reason="tidecv cannot be imported", exc_type=ImportError)


def judged(case: Case, iou_threshold: float, background: float) -> TideErrors:
    pairs = pairs_of(case)
    return tide_errors(
        pairs["pair_detection"].astype(np.int64),
        pairs["pair_object"].astype(np.int64),
        pairs["pair_iou"].astype(np.float64),
        case.scores,
        case.dt_label,
        case.gt_label,
        case.gt_crowd,
        case.n_classes,
        iou_threshold,
        background,
    )


@pytest.mark.usefixtures("tidecv")
@pytest.mark.parametrize("ties", [True, False])
def test_tide_errors_equals_tidecv_without_crowd(ties: bool) -> None:
    counts = np.zeros(len(TideKind), np.int64)
    for seed in range(150):
        case = random_case(np.random.default_rng([seed, ties]), ties=ties)
        for thresholds in (THRESHOLDS[0], THRESHOLDS[seed % len(THRESHOLDS)]):
            got, want = judged(case, *thresholds), run_tidecv(case, *thresholds)
            if want is None:
                assert np.isnan(got.tidecv_ap)
                continue
            for name, value in want.items():
                assert_close(np.asarray(getattr(got, name)), value, f"{seed}: {name}", atol=1e-9)
            counts += got.counts.sum(axis=1)
    assert (counts > 100).all()


@pytest.mark.usefixtures("tidecv")
def test_tide_errors_has_the_ap_of_tidecv_with_ignore_regions() -> None:
    excused = 0
    for seed in range(100):
        case = random_case(np.random.default_rng(seed), ties=False, crowd=0.3)
        got, want = judged(case, 0.5, 0.1), run_tidecv(case, 0.5, 0.1)
        excused += int(got.ignored.sum())
        if want is not None:
            assert_close(np.asarray(got.tidecv_ap), want["tidecv_ap"], f"{seed}: ap", atol=1e-9)
            assert_close(got.class_aps, want["class_aps"], f"{seed}: class_aps", atol=1e-9)
    assert excused > 100


def test_tide_errors_does_not_depend_on_which_order_distinct_scores_come_in() -> None:
    case = random_case(np.random.default_rng(98), ties=False)
    order = np.random.default_rng(0).permutation(len(case.scores))
    place = np.argsort(order)
    pairs = pairs_of(case)
    rows, objects = pairs["pair_detection"].astype(np.int64), pairs["pair_object"].astype(np.int64)
    iou = pairs["pair_iou"].astype(np.float64)
    labels = case.dt_label[order]
    other = tide_errors(
        place[rows], objects, iou, case.scores[order], labels, case.gt_label, case.gt_crowd, 3
    )
    one = judged(case, 0.5, 0.1)
    np.testing.assert_array_equal(other.kind, one.kind[order])
    np.testing.assert_array_equal(other.gains, one.gains)
    np.testing.assert_array_equal(other.class_gains, one.class_gains)


def test_tide_kinds_are_those_of_the_records_in_their_order() -> None:
    assert [kind.name for kind in TideKind] == [kind.name for kind in ErrorKind]


def good() -> dict[str, object]:
    """One detection of class 0 on one object of class 1."""
    return {
        "pair_detection": np.array([0]),
        "pair_object": np.array([0]),
        "pair_iou": np.array([0.75]),
        "scores": np.array([0.5]),
        "labels": np.array([0]),
        "object_labels": np.array([1]),
        "ignore": np.array([False]),
        "n_classes": 2,
    }


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("pair_detection", np.array([1]), ValueError, r"pair_detection\[0\] = 1 is no row of 1"),
        ("pair_object", np.array([-1]), ValueError, r"pair_object\[0\] = -1 is no row of 1"),
        ("pair_object", np.array([0, 0]), ValueError, r"pair_object must have shape \(1,\)"),
        ("pair_object", np.array([0.0]), TypeError, "pair_object must be of an integer dtype"),
        ("pair_iou", np.array([1.5]), ValueError, r"pair_iou\[0\] = 1.5 is not in \[0, 1\]"),
        ("pair_iou", np.array([np.nan]), ValueError, r"pair_iou\[0\] is NaN"),
        ("scores", np.array([np.nan]), ValueError, r"scores\[0\] is NaN"),
        ("scores", np.array([True]), TypeError, "scores must be of a real dtype"),
        ("labels", np.array([2]), ValueError, r"labels\[0\] = 2, of 2 classes"),
        ("labels", np.array([-1]), ValueError, r"labels\[0\] = -1 is negative"),
        ("object_labels", np.array([7]), ValueError, r"object_labels\[0\] = 7, of 2 classes"),
        ("object_labels", np.array([-1]), ValueError, r"^object_labels\[0\] = -1 is negative"),
        ("ignore", np.array([0]), TypeError, "ignore must be of dtype bool"),
        ("iou_threshold", 0.0, ValueError, r"iou_threshold = 0.0 is not in \(0, 1\]"),
        ("iou_threshold", 1.5, ValueError, r"iou_threshold = 1.5 is not in \(0, 1\]"),
        ("background_threshold", 0.0, ValueError, r"background_threshold = 0.0 is not in"),
        ("background_threshold", 0.6, ValueError, r"background_threshold = 0.6 is not in"),
    ],
)
def test_tide_errors_names_what_is_wrong(
    name: str, value: object, error: type[Exception], message: str
) -> None:
    judge: Callable[..., object] = tide_errors
    with pytest.raises(error, match=message):
        judge(**{**good(), name: value})


def test_tide_errors_names_the_first_class_that_there_is_not() -> None:
    judge: Callable[..., object] = tide_errors
    wrong = {"scores": np.zeros(3), "labels": np.array([0, 2, 3])}
    with pytest.raises(ValueError, match=r"^labels\[1\] = 2, of 2 classes"):
        judge(**{**good(), **wrong})


def test_tide_errors_has_as_wrong_what_is_neither_right_nor_ignored() -> None:
    # On an object, on one that is ignored, and on nothing.
    found = tide_errors(
        np.array([0, 1]),
        np.array([0, 1]),
        np.array([0.75, 0.75]),
        np.array([0.5, 0.5, 0.5]),
        np.zeros(3, np.int64),
        np.zeros(2, np.int64),
        np.array([False, True]),
        1,
    )
    assert found.true_positive.tolist() == [True, False, False]
    assert found.ignored.tolist() == [False, True, False]
    assert found.wrong.tolist() == [False, False, True]


def test_tide_errors_leaves_its_inputs_alone() -> None:
    given = good()
    before = {name: np.copy(np.asarray(value)) for name, value in given.items()}
    judge: Callable[..., object] = tide_errors
    judge(**given)
    for name, value in before.items():
        np.testing.assert_array_equal(np.asarray(given[name]), value, err_msg=name)
