"""What is peculiar to our matching of pairs: messages, dtypes, purity."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from refdet.core.matching import Matching, match_voc_pairs

# Two detections want object 0; the second of them, of the higher score, gets it.
DETECTION = np.array([0, 1, 1])
OBJECT = np.array([0, 0, 1])
IOU = np.array([0.75, 0.625, 0.5])
SCORES = np.array([0.25, 0.5])
IGNORE = np.array([False, False])


def called(**changed: object) -> Matching:
    arguments: dict[str, object] = {
        "pair_detection": DETECTION,
        "pair_object": OBJECT,
        "pair_iou": IOU,
        "scores": SCORES,
        "iou_threshold": 0.5,
        "ignore": IGNORE,
        **changed,
    }
    # mypy cannot know what a test of wrong arguments hands over.
    return match_voc_pairs(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.uint64])
def test_match_voc_pairs_takes_any_integer_dtype(dtype: type[np.generic]) -> None:
    got = called(pair_detection=DETECTION.astype(dtype), pair_object=OBJECT.astype(dtype))
    assert got.matched.tolist() == [False, True]
    assert (got.object_index.dtype, got.matched.dtype) == (np.dtype("i8"), np.dtype("?"))


def test_match_voc_pairs_orders_unsigned_scores() -> None:
    assert called(scores=np.array([1, 2], np.uint8)).matched.tolist() == [False, True]


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"pair_detection": DETECTION + 0.0}, TypeError, "pair_detection must be of an integer"),
        ({"pair_object": OBJECT > 0}, TypeError, "pair_object must be of an integer"),
        ({"pair_iou": IOU > 0}, TypeError, "pair_iou must be of a real dtype"),
        ({"scores": SCORES * 1j}, TypeError, "scores must be of a real dtype"),
        ({"ignore": np.array([0, 1])}, TypeError, "ignore must be of dtype bool"),
        ({"pair_detection": DETECTION[:2]}, ValueError, r"pair_detection must have shape \(3,\)"),
        ({"pair_object": OBJECT[:2]}, ValueError, r"pair_object must have shape \(3,\)"),
        ({"pair_detection": DETECTION + 1}, ValueError, r"pair_detection\[1\] = 2 is no row of 2"),
        ({"pair_object": OBJECT - 1}, ValueError, r"pair_object\[0\] = -1 is no row of 2"),
        ({"pair_iou": IOU[:, None]}, ValueError, r"pair_iou must have shape \(N,\), got \(3, 1\)"),
        ({"pair_iou": IOU * np.nan}, ValueError, r"pair_iou\[0\] is NaN"),
        ({"pair_iou": IOU * 1.5}, ValueError, r"pair_iou\[0\] = 1.125 is not in \[0, 1\]"),
        ({"pair_iou": -IOU}, ValueError, r"pair_iou\[0\] = -0.75 is not in"),
        ({"scores": SCORES * np.nan}, ValueError, r"scores\[0\] is NaN"),
        ({"iou_threshold": 0.0}, ValueError, r"iou_threshold = 0.0 is not in \(0, 1\]"),
        ({"iou_threshold": 1.5}, ValueError, "iou_threshold = 1.5 is not"),
    ],
)
def test_match_voc_pairs_names_what_is_wrong(
    changed: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        called(**changed)


def test_match_voc_pairs_takes_empty_lists() -> None:
    nothing: NDArray[np.float64] = np.array([])  # float64, what an empty list becomes
    got = called(pair_detection=nothing, pair_object=nothing, pair_iou=nothing)
    assert got.matched.tolist() == [False, False]


def test_match_voc_pairs_does_not_write_to_its_inputs() -> None:
    arrays = (DETECTION, OBJECT, IOU, SCORES, IGNORE)
    before = [array.copy() for array in arrays]
    called()
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)
