"""What is peculiar to `refdet.core.nms`: errors, purity, memory."""

from __future__ import annotations

import re
import tracemalloc

import numpy as np
import pytest

from refdet.core.iou import iou_matrix
from refdet.core.nms import SoftNMSDecay, batched_nms, nms, soft_nms

BOXES = np.array([[0.0, 0.0, 2.0, 2.0], [1.0, 0.0, 3.0, 2.0], [9.0, 9.0, 11.0, 11.0]])
SCORES = np.array([0.5, 0.75, 0.25])
LABELS = np.array([0, 0, 1])


def scattered_boxes(count: int) -> np.ndarray:
    corners = np.random.default_rng(0).random((count, 2))
    return np.concatenate([corners, corners + 0.05], axis=1)


def test_nms_looks_at_iou_as_iou_matrix_computes_it_bit_for_bit() -> None:
    boxes = scattered_boxes(400)
    iou = iou_matrix(boxes, boxes)
    scores = np.arange(400, 0, -1)
    exact = iou[iou > 0.3].min()
    below = np.nextafter(exact, 0)
    rows, columns = np.nonzero(iou == exact)
    pair = [rows.min(), columns[rows.argmin()]]
    assert nms(boxes[pair], scores[pair], float(exact)).tolist() == [0, 1]
    assert nms(boxes[pair], scores[pair], float(below)).tolist() == [0]


@pytest.mark.parametrize("decay", [None, *SoftNMSDecay])
def test_nms_never_builds_a_matrix_of_all_pairs(decay: SoftNMSDecay | None) -> None:
    """1,500 boxes have 2.25 million pairs, 18 MB of float64."""
    boxes, scores = scattered_boxes(1500), np.linspace(1, 0.5, 1500)
    tracemalloc.start()
    if decay is None:
        nms(boxes, scores, 0.45)
    else:
        soft_nms(boxes, scores, decay)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 9e6, f"{peak / 1e6:.0f} MB at the most"


def test_nms_leaves_its_inputs_as_they_were() -> None:
    boxes, scores, labels = BOXES.copy(), SCORES.copy(), LABELS.copy()
    for array in (boxes, scores, labels):
        array.setflags(write=False)
    nms(boxes, scores, 0.3)
    batched_nms(boxes, scores, labels, 0.3)
    soft_nms(boxes, scores, SoftNMSDecay.LINEAR)
    np.testing.assert_array_equal(boxes, BOXES)
    np.testing.assert_array_equal(scores, SCORES)
    np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int32, np.uint8])
def test_nms_takes_every_real_dtype(dtype: type[np.generic]) -> None:
    scores = (SCORES * 4).astype(dtype)
    assert nms(BOXES.astype(dtype), scores, 0.3).tolist() == [1, 2]
    assert batched_nms(BOXES.astype(dtype), scores, LABELS, 0.3).tolist() == [1, 2]


def test_nms_of_boxes_whose_areas_underflow_is_silent() -> None:
    tiny = np.array([[0.0, 0.0, 1e-200, 1e-200]] * 2)
    assert nms(tiny, SCORES[:2], 0.5).tolist() == [1, 0]


def test_nms_names_argument_row_and_value_of_a_bad_box_or_score() -> None:
    inverted, nan = BOXES.copy(), SCORES.copy()
    inverted[2, 2] = 8.0
    nan[1] = np.nan
    with pytest.raises(ValueError, match=re.escape("boxes_xyxy[2] = [9.0, 9.0, 8.0, 11.0]")):
        nms(inverted, SCORES, 0.5)
    with pytest.raises(ValueError, match=re.escape("scores[1] is NaN")):
        nms(BOXES, nan, 0.5)
    with pytest.raises(ValueError, match=re.escape("labels[1] = -1 is negative")):
        batched_nms(BOXES, SCORES, LABELS - [0, 1, 0], 0.5)
    with pytest.raises(ValueError, match=re.escape("scores[0] = -0.25 is not finite and >= 0")):
        soft_nms(BOXES, SCORES - 0.75, SoftNMSDecay.LINEAR)
    with pytest.raises(ValueError, match=re.escape("scores[0] = inf is not finite and >= 0")):
        soft_nms(BOXES, SCORES + np.inf, SoftNMSDecay.LINEAR)


def test_nms_names_lengths_that_differ() -> None:
    with pytest.raises(ValueError, match="scores has 2 rows and boxes_xyxy has 3"):
        nms(BOXES, SCORES[:2], 0.5)
    with pytest.raises(ValueError, match=r"labels must have shape \(3,\), got \(2,\)"):
        batched_nms(BOXES, SCORES, LABELS[:2], 0.5)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, np.nan])
def test_nms_names_a_threshold_outside_0_1(threshold: float) -> None:
    message = re.escape(f"iou_threshold = {threshold} is not in [0, 1]")
    with pytest.raises(ValueError, match=message):
        nms(BOXES, SCORES, threshold)
    with pytest.raises(ValueError, match=message):
        batched_nms(BOXES, SCORES, LABELS, threshold)
    with pytest.raises(ValueError, match=message):
        soft_nms(BOXES, SCORES, SoftNMSDecay.LINEAR, threshold)


def test_soft_nms_refuses_a_bad_parameter() -> None:
    with pytest.raises(ValueError, match=r"sigma = 0\.0 is not > 0"):
        soft_nms(BOXES, SCORES, SoftNMSDecay.GAUSSIAN, sigma=0.0)
    with pytest.raises(ValueError, match=r"min_score = -1\.0 is not >= 0"):
        soft_nms(BOXES, SCORES, SoftNMSDecay.GAUSSIAN, min_score=-1.0)


def test_soft_nms_refuses_the_name_of_a_decay() -> None:
    misspelt: str = "gausian"
    with pytest.raises(TypeError, match="decay must be a SoftNMSDecay, got 'gausian'"):
        soft_nms(BOXES, SCORES, misspelt)  # type: ignore[arg-type]  # the refusal is the test


def test_batched_nms_takes_empty_lists() -> None:
    empty = np.array([])  # float64, what an empty list becomes
    assert batched_nms(np.zeros((0, 4)), empty, empty, 0.5).tolist() == []


def test_batched_nms_names_a_label_beyond_int64() -> None:
    """It would wrap to a negative class."""
    labels = np.array([0, 2**63, 1], np.uint64)
    with pytest.raises(ValueError, match=re.escape("labels[1] = 9223372036854775808 exceeds")):
        batched_nms(BOXES, SCORES, labels, 0.5)


def test_soft_nms_has_the_defaults_of_its_docstring() -> None:
    """The first two boxes have an IoU of 1/3, above 0.3: 0.5 falls to 1/3, or by exp(-2 / 9)."""
    far = np.array([[20.0, 0, 22, 2], [30.0, 0, 32, 2]])
    boxes, scores = np.concatenate([BOXES, far]), np.array([0.5, 0.75, 0.25, 0.001, 0.0009])
    linear = soft_nms(boxes, scores, SoftNMSDecay.LINEAR)
    assert linear.indices.tolist() == [1, 0, 2, 3]
    np.testing.assert_allclose(linear.scores, [0.75, 1 / 3, 0.25, 0.001], rtol=1e-15)
    gaussian = soft_nms(boxes, scores, SoftNMSDecay.GAUSSIAN)
    np.testing.assert_allclose(gaussian.scores[1], 0.5 * np.exp(-2 / 9), rtol=1e-15)


def test_nms_of_no_boxes_gives_rows_all_the_same() -> None:
    no_box, no_score = np.zeros((0, 4)), np.zeros(0)
    assert nms(no_box, no_score, 0.5).dtype == np.int64
    assert batched_nms(no_box, no_score, np.zeros(0, np.int64), 0.5).dtype == np.int64
    kept = soft_nms(no_box, no_score, SoftNMSDecay.LINEAR)
    assert kept.indices.dtype == np.int64
    assert kept.scores.dtype == np.float64
