"""What is said of a tuned threshold: why none was chosen, and what is doubtful about one."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest

from refdet.analysis.thresholds import Criterion, Quantity, shown_by, tune
from refdet.analysis_records import TunedThreshold
from refdet.evaluate import EvaluationSettings, judged_columns
from tests.analysis.runs import Detector, two_runs
from tests.data.small_columns import detections_of, objects_of

F1 = Criterion(Quantity.F_BETA, 1)
BOX = [0.0, 0.0, 10.0, 10.0]
ELSEWHERE = [50.0, 0.0, 10.0, 10.0]


def of_one_class(
    n_objects: int, scores: list[float], n_right: int, criterion: Criterion, keeps: float = 0.5
) -> TunedThreshold:
    """An object in each image; the first detections are right, each in its image."""
    images = [f"{number}" for number in range(max(2, n_objects))]
    objects = objects_of([BOX] * n_objects, range(n_objects), [0] * n_objects, names=images)
    boxes = [BOX if place < n_right else ELSEWHERE for place in range(len(scores))]
    rows = [place if place < n_right else 0 for place in range(len(scores))]
    found = detections_of(objects, boxes, rows, [0] * len(scores), scores)
    settings = EvaluationSettings(class_thresholds={0: keeps})
    return tune(judged_columns(objects, found, settings), criterion, 200, 0)[0]


def nothing_to_choose() -> Iterator[tuple[TunedThreshold, str]]:
    precision, recall = Criterion(Quantity.PRECISION, 0.9), Criterion(Quantity.RECALL, 0.9)
    yield of_one_class(0, [0.9], 0, F1, 0.25), "no objects: keeps 0.25"
    yield of_one_class(0, [], 0, F1), "no objects: keeps 0.5"
    yield of_one_class(3, [], 0, recall), "nothing found: keeps 0.5"
    yield of_one_class(3, [0.9], 0, F1), "nothing found: keeps 0.5"
    yield (
        of_one_class(3, [0.8, 0.7, 0.8], 2, precision),
        "precision 0.667 at best, at 0.7 with recall 0.667: keeps 0.5",
    )
    yield (
        of_one_class(4, [0.8, 0.4, 0.3], 3, recall),
        "recall 0.750 at best, with every detection: keeps 0.5",
    )


def test_tune_keeps_a_threshold_where_none_can_be_chosen_and_says_why() -> None:
    for one, why in nothing_to_choose():
        assert one.warning == why
        assert np.isnan(one.threshold.value)
        assert one.applied == float(why.rpartition(" ")[2])
        assert np.isnan([one.unseen_precision.value, one.unseen_recall.low]).all()


def test_tune_tells_the_numbers_at_the_threshold_that_stays() -> None:
    one = of_one_class(4, [0.8, 0.4, 0.3], 3, Criterion(Quantity.RECALL, 0.9), keeps=0.4)
    assert (one.precision.value, one.recall.value, one.f_beta.value) == (1, 0.5, 2 / 3)


def test_shown_by_is_the_rule_of_three_in_full() -> None:
    # 0.9^28 = 0.0523 and 0.9^29 = 0.0471, on both sides of 5 %; likewise 0.95^58 and 0.95^59.
    assert shown_by(28) < 0.9 < shown_by(29)
    assert shown_by(58) < 0.95 < shown_by(59)
    assert shown_by(0) == 0
    assert shown_by(1) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("n_objects", "criterion", "warning"),
    [
        (1, F1, "too few objects to show a recall of 0.9: that takes 29, even if all succeed"),
        (
            1,
            Criterion(Quantity.PRECISION, 0.9),
            "too few detections at this threshold to show a precision of 0.9: .* 29,",
        ),
        (28, F1, "too few objects to show a recall of 0.9: that takes 29, even if all succeed"),
        (29, F1, ""),
        (12, Criterion(Quantity.RECALL, 0.9), "too few objects to show a recall of 0.9: "),
        (12, Criterion(Quantity.RECALL, 0.75), ""),
        (40, Criterion(Quantity.RECALL, 1.0), "too few objects to show a recall of 1: no number"),
        (
            12,
            Criterion(Quantity.PRECISION, 0.9),
            "too few detections at this .* precision of 0.9: ",
        ),
        (29, Criterion(Quantity.PRECISION, 0.9), ""),
    ],
)
def test_tune_warns_of_too_few_objects(n_objects: int, criterion: Criterion, warning: str) -> None:
    scores = np.linspace(0.75, 0.25, n_objects).tolist()
    one = of_one_class(n_objects, scores, n_objects, criterion)
    needed = int(np.ceil(n_objects * criterion.value)) if criterion.quantity == "recall" else 0
    assert one.threshold.value == scores[needed - 1]
    assert re.match(warning, one.warning)
    assert ("too few" in one.warning) == bool(warning)


def test_tune_warns_where_many_samples_have_no_threshold() -> None:
    one = of_one_class(40, [0.75] * 38, 38, Criterion(Quantity.RECALL, 0.925))
    # By hand: two of 40 are not found, and 37 are enough. A sample has too few if it draws those
    # two 4 times or more: one minus the sum of binom(40, k) 0.05^k 0.95^(40 - k) to k = 3, 14 %.
    share = re.fullmatch(
        r"no threshold does what is asked for in (\d+) % of the samples", one.warning
    )
    assert share
    assert 14 - 3 * 2.5 < int(share[1]) < 14 + 3 * 2.5  # of 200 samples


@pytest.mark.parametrize(
    ("quantity", "required"), [(Quantity.PRECISION, 0.9), (Quantity.RECALL, 0.75)]
)
def test_tune_warns_where_other_images_are_not_expected_to_meet_what_is_required(
    quantity: Quantity, required: float
) -> None:
    n_warnings = 0
    for seed in range(12):
        judged, _ = two_runs(seed, Detector(), Detector(), 60, n_classes=1)
        (one,) = tune(judged, Criterion(quantity, required), 50, 0)
        expected = getattr(one, f"unseen_{quantity}").value
        warning = (
            f"on other images a lower {quantity} is to be expected than the {required:g} asked for"
        )
        assert (warning in one.warning) == (expected < required - 0.0005)
        assert ("on other images" in one.warning) == (warning in one.warning)
        n_warnings += warning in one.warning
        assert "on other images" not in tune(judged, F1, 50, 0)[0].warning
    assert 0 < n_warnings < 12
