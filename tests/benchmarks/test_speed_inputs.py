"""What each side of a benchmark is handed before the clock starts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks import bench_assign, bench_coco_torch, bench_priors
from benchmarks.speed.task import Task, Trial
from refdet.core import coco_eval

SIDES = ("refdet.core", "refdet.torch_ops", "torchvision", "notebook", "loop")


def trial(task: Task, name: str) -> Trial:
    """The smallest case in float64 on the CPU."""
    (one,) = (one for one in task.implementations if one.name == name)
    return Trial(task, task.cases[0], one, "cpu", "float64")


@pytest.mark.parametrize("task", [bench_assign.ASSIGN, bench_assign.COMPETING, *bench_assign.RCNN])
def test_assignment_has_each_side_read_the_matrix_as_its_callers_make_it(task: Task) -> None:
    names = [one.name for one in task.implementations]
    read = {name: trial(task, name).inputs()[0][0] for name in SIDES if name in names}
    ours = read.pop("refdet.torch_ops")
    assert isinstance(ours, torch.Tensor)
    # As `iou_matrix(objects, priors).mT` of `refdet.models.ssd_loss`: a view, without a copy.
    assert ours.mT.is_contiguous()
    assert not ours.is_contiguous()
    if (theirs := read.pop("torchvision", None)) is not None:
        assert isinstance(theirs, torch.Tensor)
        assert theirs.is_contiguous()
        assert torch.equal(theirs, ours.mT)
    assert read
    for other in read.values():
        tensor = torch.as_tensor(other)
        assert tensor.is_contiguous()
        assert torch.equal(tensor, ours)


def test_every_function_of_assignment_has_ours_on_arrays_and_on_tensors() -> None:
    for task in (bench_assign.ASSIGN, bench_assign.COMPETING, *bench_assign.RCNN):
        names = [one.name for one in task.implementations]
        assert names[:2] == ["refdet.core", "refdet.torch_ops"]
        # And in float32 a peer, on every device.
        assert any(not one.takes_arrays for one in task.implementations[2:])


@pytest.mark.parametrize("task", [bench_priors.PRIORS, bench_priors.ANCHORS])
def test_generators_and_feature_maps_are_made_before_the_clock_starts(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = trial(task, "torchvision")
    inputs = theirs.inputs()[0]
    for name in ("DefaultBoxGenerator", "AnchorGenerator", "ImageList"):
        monkeypatch.delattr(bench_priors, name)
    monkeypatch.setattr(torch, "zeros", None)
    theirs.check(theirs.call(*inputs))
    assert np.asarray(theirs.task.wanted(theirs.case)[0]).shape[1] == 4


def test_the_oracle_of_the_smallest_data_set_is_pycocotools(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs = trial(bench_coco_torch.EVALUATE_COCO, "pycocotools")
    inputs = theirs.case.inputs()[0]
    monkeypatch.setattr(coco_eval, "evaluate_coco", None)
    precision, recall, scores, stats = bench_coco_torch.right(*inputs)
    assert precision.shape == scores.shape == (10, 101, 1, 4, 3)
    assert recall.shape == (10, 1, 4, 3)
    assert stats.shape == (12,)
    # Of objects under each other some are found, not all.
    assert 0 < stats[0] < 1
