"""What is peculiar to `refdet.torch_ops.assign`: batches, padding, dtypes; `core` is its oracle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from refdet.core import assign as core
from refdet.torch_ops.assign import Assignment, assign_rcnn, assign_ssd

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]


@st.composite
def padded_batches(draw: st.DrawFn) -> tuple[F64, Mask]:
    """(B, P, G) IoUs k / steps, where ties are the rule, and which columns are objects."""
    batch, priors, objects = (draw(st.integers(0, most)) for most in (3, 9, 7))
    steps = draw(st.integers(1, 5))
    values = st.integers(0, steps).map(lambda k: k / steps)
    iou = draw(hnp.arrays(np.float64, (batch, priors, objects), elements=values))
    return iou, draw(hnp.arrays(np.bool_, (batch, objects)))


def _check_equals_core(
    got: Assignment, iou: F64, valid: Mask, rule: Callable[[F64], core.Assignment]
) -> None:
    for image in range(len(iou)):
        columns = np.flatnonzero(valid[image])
        want = rule(iou[image][:, columns])
        positive = got.positive[image].numpy()
        np.testing.assert_array_equal(positive, want.positive)
        objects = got.object_index[image].numpy()
        np.testing.assert_array_equal(objects[positive], columns[want.object_index[positive]])
        assert not objects[~positive].any()
        unmatched = np.flatnonzero(got.unmatched_objects[image].numpy())
        np.testing.assert_array_equal(unmatched, columns[want.unmatched_objects])
        np.testing.assert_array_equal(got.ignored[image].numpy(), want.ignored)


@given(batch=padded_batches(), threshold=st.sampled_from([0.2, 0.5, 1.0]))
@example(batch=(np.zeros((0, 3, 2)), np.ones((0, 2), np.bool_)), threshold=0.5)
@example(batch=(np.zeros((2, 3, 0)), np.ones((2, 0), np.bool_)), threshold=0.5)
@example(batch=(np.zeros((2, 0, 3)), np.ones((2, 3), np.bool_)), threshold=0.5)
@example(batch=(np.ones((2, 4, 3)), np.zeros((2, 3), np.bool_)), threshold=0.5)
@example(batch=(np.ones((2, 3, 5)), np.ones((2, 5), np.bool_)), threshold=0.5)
def test_assign_ssd_of_a_padded_batch_equals_core_image_by_image(
    batch: tuple[F64, Mask], threshold: float
) -> None:
    iou, valid = batch
    got = assign_ssd(torch.from_numpy(iou), threshold, torch.from_numpy(valid))
    assert got.object_index.shape == got.positive.shape == got.ignored.shape == iou.shape[:2]
    _check_equals_core(got, iou, valid, lambda iou: core.assign_ssd(iou, threshold))


@given(batch=padded_batches(), low=st.sampled_from([0.2, 0.4]), allow_low_quality=st.booleans())
@example(batch=(np.zeros((2, 3, 0)), np.ones((2, 0), np.bool_)), low=0.2, allow_low_quality=True)
@example(batch=(np.ones((2, 4, 3)), np.zeros((2, 3), np.bool_)), low=0.2, allow_low_quality=True)
def test_assign_rcnn_of_a_padded_batch_equals_core_image_by_image(
    batch: tuple[F64, Mask], low: float, allow_low_quality: bool
) -> None:
    iou, valid = batch
    got = assign_rcnn(torch.from_numpy(iou), 0.6, low, allow_low_quality, torch.from_numpy(valid))
    assert got.object_index.shape == got.positive.shape == got.ignored.shape == iou.shape[:2]
    _check_equals_core(
        got, iou, valid, lambda iou: core.assign_rcnn(iou, 0.6, low, allow_low_quality)
    )


@pytest.mark.parametrize("on_a_device", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_assign_ssd_settles_long_chains_of_rivals_as_core_does(
    seed: int, on_a_device: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every object prefers the same few priors, so that deferred acceptance needs many rounds."""
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: on_a_device)
    rng = np.random.default_rng(seed)
    attraction = np.sort(rng.random(60))[::-1]
    iou = np.round(attraction[:, None] * rng.random((2, 1, 40)), 2)
    valid = np.ones((2, 40), np.bool_)
    got = assign_ssd(torch.from_numpy(iou), 0.5)
    _check_equals_core(got, iou, valid, lambda iou: core.assign_ssd(iou, 0.5))


def test_assign_ssd_looks_at_no_padding() -> None:
    iou = torch.tensor([[0.25, torch.nan], [0.75, torch.inf]])
    got = assign_ssd(iou, 0.5, torch.tensor([True, False]))
    assert got.positive.tolist() == [False, True]
    assert got.object_index.tolist() == [0, 0]
    assert got.unmatched_objects.tolist() == [False, False]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_assign_ssd_takes_every_floating_dtype(dtype: torch.dtype) -> None:
    iou = torch.tensor([[0.75, 0.5], [0.25, 0.25], [0.0, 0.5]], dtype=dtype)
    got = assign_ssd(iou, 0.5)
    assert got.positive.tolist() == [True, False, True]
    assert got.object_index.tolist() == [0, 0, 1]


@pytest.mark.parametrize("iou", [torch.rand(2, 6, 4), torch.rand(2, 4, 6).mT])
def test_assign_ssd_leaves_its_inputs_as_they_were(iou: torch.Tensor) -> None:
    valid = torch.tensor([[True] * 4, [True, False] * 2])
    before = iou.clone(), valid.clone()
    got = assign_ssd(iou, 0.5, valid)
    got.unmatched_objects.fill_(True)
    assert torch.equal(iou, before[0])
    assert torch.equal(valid, before[1])


def test_assign_ssd_refuses_wrong_dtypes_and_shapes() -> None:
    iou = torch.rand(2, 6, 4)
    with pytest.raises(TypeError, match=r"iou must be of a floating dtype, got torch\.int64"):
        assign_ssd(torch.ones(6, 4, dtype=torch.int64), 0.5)
    with pytest.raises(TypeError, match="valid must be boolean"):
        assign_ssd(iou, 0.5, torch.ones(2, 4))
    with pytest.raises(ValueError, match=r"valid must have shape \(2, 4\), got \(4,\)"):
        assign_ssd(iou, 0.5, torch.ones(4, dtype=torch.bool))
    with pytest.raises(ValueError, match="iou must have shape"):
        assign_ssd(torch.rand(6), 0.5)
    with pytest.raises(ValueError, match=r"threshold = 0\.0 is not in \(0, 1\]"):
        assign_ssd(iou, 0.0)
    with pytest.raises(ValueError, match=r"low = 0\.5 is greater than high = 0\.25"):
        assign_rcnn(iou, 0.25, 0.5, True)


def test_assign_ssd_is_compiled_once_for_any_number_of_objects() -> None:
    """torch gives a function eight graphs: a loop that is unrolled would end at the ninth."""
    torch.compiler.reset()
    compiled = torch.compile(assign_ssd, fullgraph=True, backend="eager")
    rng = torch.Generator().manual_seed(0)
    for n_objects in range(1, 14):
        iou = torch.rand(2, 30, n_objects, generator=rng)
        got, want = compiled(iou, 0.5), assign_ssd(iou, 0.5)
        for part in ("object_index", "positive", "ignored", "unmatched_objects"):
            assert torch.equal(getattr(got, part), getattr(want, part)), part
