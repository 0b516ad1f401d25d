"""Cases of `make bench` ask what their names say, and peers get the problem as they like it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision import ops

from benchmarks import bench_assign, bench_iou
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


@pytest.mark.parametrize(("device", "calls"), [("cpu", 8), ("meta", 1)])
def test_torchvision_takes_a_batch_at_once_where_there_are_kernels_to_start(
    device: str, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, shapes = ops.box_iou, []

    def counted(a: Tensor, b: Tensor) -> Tensor:
        shapes.append(b.shape)
        found: Tensor = real(a, b)
        return found

    monkeypatch.setattr(ops, "box_iou", counted)
    priors, boxes = torch.rand(9, 4, device=device), torch.rand(8, 5, 4, device=device)
    assert bench_iou.images_by_torchvision(priors, boxes).shape == (8, 9, 5)
    assert len(shapes) == calls


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torchvision_gives_a_batch_the_numbers_of_its_images(dtype: torch.dtype) -> None:
    inputs = bench_iou.BATCHED.cases[0].inputs()[0]
    priors, boxes = (torch.as_tensor(np.asarray(value)).to(dtype) for value in inputs)
    at_once = ops.box_iou(priors[:500], boxes)
    assert torch.equal(at_once, bench_iou.images_by_torchvision(priors[:500], boxes))
