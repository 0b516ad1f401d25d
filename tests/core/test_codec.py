"""What is peculiar to `refdet.core.codec`: error messages, purity, torchvision's numbers."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchvision.models.detection._utils import BoxCoder

from refdet.core.codec import MAX_LOG_SCALE, decode_boxes, encode_boxes

SSD_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
ONES = (1.0, 1.0, 1.0, 1.0)
UNIT = np.array([[0.0, 0.0, 1.0, 1.0]])
POINT = np.array([[504.0, 337.0, 504.0, 337.0]])

RNG = np.random.default_rng(11)
LOW, SIZE = RNG.integers(0, 2000, (2, 40, 2)), RNG.integers(8, 2000, (2, 40, 2))
BOXES, REFERENCES = np.concatenate([LOW, LOW + SIZE], axis=2) / 8.0


def test_encode_boxes_equals_torchvision() -> None:
    boxes, references = torch.from_numpy(BOXES), torch.from_numpy(REFERENCES)
    want = BoxCoder(SSD_WEIGHTS).encode_single(boxes, references).numpy()
    np.testing.assert_allclose(encode_boxes(BOXES, REFERENCES, SSD_WEIGHTS), want, atol=1e-11)


def test_decode_boxes_equals_torchvision_with_its_clamp() -> None:
    deltas = RNG.normal(0, 15, (40, 4))  # a third of the sizes lies beyond the clamp
    coder = BoxCoder(SSD_WEIGHTS)
    assert coder.bbox_xform_clip == MAX_LOG_SCALE
    want = coder.decode_single(torch.from_numpy(deltas), torch.from_numpy(REFERENCES)).numpy()
    got = decode_boxes(deltas, REFERENCES, SSD_WEIGHTS, MAX_LOG_SCALE)
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-9)


def test_encode_boxes_raises_where_torchvision_gives_minus_infinity() -> None:
    point = torch.from_numpy(POINT)
    assert BoxCoder(ONES).encode_single(point, torch.from_numpy(UNIT))[0, 2] == -torch.inf
    message = "boxes_xyxy[0] = [504.0, 337.0, 504.0, 337.0] has no width or no height"
    with pytest.raises(ValueError, match=re.escape(message)):
        encode_boxes(POINT, UNIT, ONES)


def test_codec_refuses_a_reference_without_area() -> None:
    message = re.escape("references_xyxy[1] = [504.0, 337.0, 504.0, 337.0] has no width or no")
    references = np.concatenate([UNIT, POINT])
    with pytest.raises(ValueError, match=message):
        encode_boxes(np.concatenate([UNIT, UNIT]), references, ONES)
    with pytest.raises(ValueError, match=message):
        decode_boxes(np.zeros((2, 4)), references, ONES)


@pytest.mark.parametrize("flat", [[0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 1.0]])
def test_codec_refuses_a_box_that_lacks_one_side_alone(flat: list[float]) -> None:
    boxes = np.array([*UNIT.tolist(), *UNIT.tolist(), flat])
    with pytest.raises(ValueError, match=re.escape(f"boxes_xyxy[2] = {flat} has no width or no")):
        encode_boxes(boxes, np.concatenate([UNIT] * 3), ONES)


def test_decode_boxes_names_the_row_that_overflows() -> None:
    deltas = np.array([[0.0, 0.0, 1.0, 1.0]] * 2 + [[0.0, 0.0, 1.0, 1000.0]])
    message = "deltas[2] = [0.0, 0.0, 1.0, 1000.0] decodes to an infinite size"
    with pytest.raises(ValueError, match=re.escape(message)):
        decode_boxes(deltas, np.concatenate([UNIT] * 3), ONES)


def test_decode_boxes_names_the_row_that_is_not_finite() -> None:
    with pytest.raises(ValueError, match=re.escape("deltas[0] = [nan, 0.0, 0.0, 0.0] is not")):
        decode_boxes(np.array([[np.nan, 0.0, 0.0, 0.0]]), UNIT, ONES)


@pytest.mark.parametrize("dtype", [bool, complex, object])
def test_codec_refuses_what_is_no_real_dtype(dtype: type) -> None:
    rows: NDArray[np.float64] = np.zeros((1, 4), dtype=dtype)
    with pytest.raises(TypeError, match="boxes_xyxy must be of a real dtype"):
        encode_boxes(rows, UNIT, ONES)
    with pytest.raises(TypeError, match="deltas must be of a real dtype"):
        decode_boxes(rows, UNIT, ONES)
    with pytest.raises(TypeError, match="references_xyxy must be of a real dtype"):
        decode_boxes(np.zeros((1, 4)), rows, ONES)


def test_codec_refuses_lengths_that_differ() -> None:
    two = np.concatenate([UNIT, UNIT])
    with pytest.raises(ValueError, match="boxes_xyxy has 2 rows and references_xyxy has 1"):
        encode_boxes(two, UNIT, ONES)
    with pytest.raises(ValueError, match="deltas has 2 rows and references_xyxy has 1"):
        decode_boxes(two, UNIT, ONES)


@pytest.mark.parametrize("weights", [(1, 1, 0, 1), (1, -1, 1, 1), (1, 1, 1, np.nan), (1, 1, 1)])
def test_codec_refuses_weights_that_cannot_be_undone(
    weights: tuple[float, float, float, float],
) -> None:
    for call in (encode_boxes, decode_boxes):
        with pytest.raises(ValueError, match="weights must be four positive finite numbers"):
            call(UNIT, UNIT, weights)


def test_codec_leaves_its_inputs_alone() -> None:
    rows, references = np.array([[0, 1, 8, 9]], dtype=np.int32), UNIT.copy()
    for call in (encode_boxes, decode_boxes):
        result = call(rows, references, SSD_WEIGHTS)
        result[:] = -7.0
        assert rows.tolist() == [[0, 1, 8, 9]]
        assert references.tolist() == UNIT.tolist()


def test_decode_boxes_names_shape_and_row_of_bad_deltas() -> None:
    with pytest.raises(ValueError, match=re.escape("deltas must have shape (N, 4), got (1, 4, 4)")):
        decode_boxes(np.zeros((1, 4, 4)), UNIT, ONES)
    deltas = np.array([[0.0] * 4, [0.0, np.inf, 0.0, 0.0]])
    with pytest.raises(ValueError, match=re.escape("deltas[1] = [0.0, inf, 0.0, 0.0] is not")):
        decode_boxes(deltas, np.concatenate([UNIT, UNIT]), ONES)
