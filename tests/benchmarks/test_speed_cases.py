"""Cases of `make bench` ask what their names say, and peers get the problem as they like it."""

from __future__ import annotations

import numpy as np

from benchmarks import bench_assign
from benchmarks.bench_assign import BOX_HEAD, RPN, by_prior, rcnn_by_rows
from benchmarks.speed.task import Case
from refdet.records import F64


def matrices(case: Case) -> list[F64]:
    """The IoU of each set of inputs."""
    return [np.asarray(iou, np.float64) for (iou,) in case.inputs()]


def test_anchors_are_assigned_by_the_rule_of_region_proposals() -> None:
    assert RPN == (0.7, 0.3, True)
    (iou, *others) = matrices(bench_assign.RCNN[1].cases[0])
    (by_anchor,) = by_prior(iou)
    learned = rcnn_by_rows(RPN)(by_anchor)
    strict = rcnn_by_rows(RPN._replace(allow_low_quality=False))(by_anchor)
    # Objects below 0.7 do ask, and anchors do lie between: both are work that is timed.
    assert 0 < (learned != strict).sum() < 200
    assert (learned == -2).sum() > 1000
    # In no set is there what torchvision's matcher gets wrong: an anchor that is asked for by
    # another than its best object, or an object that overlaps nothing.
    for one in (iou, *others):
        most = one.max(axis=1, keepdims=True)
        assert most.min() > 0
        thing, anchor = np.nonzero((one == most) & (one.max(axis=0) < RPN.high))
        np.testing.assert_array_equal(one[:, anchor].argmax(axis=0), thing)


def test_proposals_are_assigned_by_the_rule_of_the_box_head() -> None:
    assert BOX_HEAD == (0.5, 0.5, False)
    learned = rcnn_by_rows(BOX_HEAD)(*by_prior(matrices(bench_assign.RCNN[0].cases[0])[0]))
    assert (learned >= 0).sum() > 20
    assert not (learned == -2).any()


def test_loop_of_rcnn_follows_the_rule_by_hand() -> None:
    # Columns: two objects. The first asks for row 1, the second for row 3 at 0.25; row 2 is
    # between the thresholds, row 4 is below, row 0 reaches the higher one.
    rows = [(0.75, 0.125), (0.875, 0.0), (0.5, 0.0), (0.0, 0.25), (0.125, 0.0)]
    assert rcnn_by_rows(RPN)(np.array(rows)).tolist() == [0, 0, -2, 1, -1]
    # Asked for by the second, though the first overlaps it more; and by nobody at 0.
    rows = [(0.875, 0.0), (0.5, 0.25), (0.0, 0.0)]
    assert rcnn_by_rows(RPN)(np.array(rows)).tolist() == [0, 1, -1]
    assert rcnn_by_rows(RPN)(np.zeros((2, 1))).tolist() == [-1, -1]
    assert rcnn_by_rows(BOX_HEAD)(np.array([[0.5], [0.4375]])).tolist() == [0, -1]
