"""Lists of a dict per image that are wrong: the error names the image, the key and the row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from refdet.data.box_format import BoxFormat
from refdet.data.lists import columns_from_lists, detections_from_lists, objects_from_lists

NAN, INF = float("nan"), float("inf")
XYXY = BoxFormat.XYXY
TARGET: dict[str, object] = {"boxes": [[0, 0, 1, 1], [2, 3, 4, 5]], "labels": [0, 1]}
PRED: dict[str, object] = {**TARGET, "scores": [0.5, 0.25]}

WRONG_BOXES: list[tuple[object, str]] = [
    ([[0, 0, 1, 1], [0, 0, NAN, 1]], r"boxes\[1\] = \[0.0, 0.0, nan, 1.0\] is not finite"),
    ([[0, 0, 1, 1], [-INF, 0, 1, 1]], r"boxes\[1\] = .* is not finite"),
    ([[0, 0, 1, 1], [3, 0, 2, 1]], r"boxes\[1\] = \[3.0, 0.0, 2.0, 1.0\] has x2 < x1 or y2 < y1"),
    ([[0, 3, 1, 1], [3, 0, 3, 1]], r"boxes\[0\] = .* has x2 < x1 or y2 < y1"),
    ([[0, 0, 1], [0, 0, 1]], r"boxes has shape \(2, 3\), not \(N, 4\)"),
    ([0, 0, 1, 1], r"boxes has shape \(4,\), not \(N, 4\)"),
    (3, r"boxes has shape \(\), not \(N, 4\)"),
    ([[0, 0, 1, 1]], "labels has 2 rows, boxes 1"),
    (None, "boxes missing"),
]
WRONG_LABELS: list[tuple[object, str]] = [
    ([0, 1.5], r"labels\[1\] = 1.5 is not an integer of 64 bits"),
    ([0, NAN], r"labels\[1\] = nan is not an integer"),
    ([2.0**60, 0], r"labels\[0\] = 1.15.*e\+18 is not an integer"),
    ([True, False], "labels has dtype .*bool"),
    ([[0], [1]], r"labels has shape \(2, 1\), not \(N\)"),
    ([0, 1, 2], "labels has 3 rows, boxes 2"),
    (None, "labels missing"),
]
WRONG_SCORES: list[tuple[object, str]] = [
    ([0.5, NAN], r"scores\[1\] = nan is not finite"),
    ([True, True], "scores has dtype .*bool"),
    ([0.5], "scores has 1 rows, boxes 2"),
    (None, "scores missing"),
]
WRONG_ELSEWHERE: list[tuple[str, object, str]] = [
    ("area", [1, -1], r"area\[1\] = -1.* is negative"),
    ("area", [NAN, 1], r"area\[0\] = nan is not finite"),
    ("area", [1], "area has 1 rows, boxes 2"),
    ("iscrowd", [0, 2], r"iscrowd\[1\] = 2 is not 0 or 1"),
    ("ignore", [0.5, 0], r"ignore\[0\] = 0.5 is not 0 or 1"),
]


def as_kind(kind: Callable[[object], object], image: dict[str, object]) -> dict[str, object]:
    listed = {key: value for key, value in image.items() if value is not None}
    return listed if kind is list else {key: kind(value) for key, value in listed.items()}


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        *(("boxes", value, message) for value, message in WRONG_BOXES),
        *(("labels", value, message) for value, message in WRONG_LABELS),
        *(("scores", value, message) for value, message in WRONG_SCORES),
    ],
)
def test_detections_from_lists_names_what_is_wrong(
    key: str, value: object, message: str, kind: Callable[[object], object]
) -> None:
    right, wrong = as_kind(kind, PRED), as_kind(kind, {**PRED, key: value})
    with pytest.raises(ValueError, match=rf"^preds\[2\]: {message}"):
        detections_from_lists([right, {}, wrong], box_format=XYXY)
    with pytest.raises(ValueError, match=rf"^preds\[0\]: {message}"):
        detections_from_lists([wrong, wrong], box_format=XYXY)


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        *(("boxes", value, message) for value, message in WRONG_BOXES),
        *(("labels", value, message) for value, message in WRONG_LABELS),
        *WRONG_ELSEWHERE,
    ],
)
def test_objects_from_lists_names_what_is_wrong(
    key: str, value: object, message: str, kind: Callable[[object], object]
) -> None:
    right, wrong = as_kind(kind, TARGET), as_kind(kind, {**TARGET, key: value})
    with pytest.raises(ValueError, match=rf"^targets\[1\]: {message}"):
        objects_from_lists([right, wrong], box_format=XYXY)
    with pytest.raises(ValueError, match=rf"^targets\[0\]: {message}"):
        objects_from_lists([wrong, wrong], box_format=XYXY)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("boxes", [[0, 0, 1, 1], [0, 0, 1]], "boxes is no array"),
        ("boxes", [["a", "b", "c", "d"]], "boxes has dtype <U1, which is not of numbers"),
        ("labels", ["0", "1"], "labels has dtype <U1, which is not of integers"),
        ("labels", np.array([0, 2**63], np.uint64), r"labels\[1\] = 9223372036854775808 is not"),
        ("scores", [0.5, None], "scores has dtype object"),
        ("scores", [1j, 0], "scores has dtype complex128"),
    ],
)
def test_detections_from_lists_names_what_is_no_array_of_numbers(
    key: str, value: object, message: str
) -> None:
    with pytest.raises(ValueError, match=rf"^preds\[0\]: {message}"):
        detections_from_lists([{**PRED, key: value}], box_format=XYXY)


def test_flags_are_no_text() -> None:
    with pytest.raises(ValueError, match=r"targets\[0\]: iscrowd has dtype <U1"):
        objects_from_lists([{**TARGET, "iscrowd": ["0", "1"]}], box_format=XYXY)


def test_a_negative_side_is_named_in_the_formats_that_hold_sides() -> None:
    for box_format in (BoxFormat.XYWH, BoxFormat.CXCYWH):
        with pytest.raises(ValueError, match=r"preds\[0\]: boxes\[0\] = .* has a negative side"):
            detections_from_lists([{**PRED, "boxes": [[9, 9, 1, -1]]}], box_format=box_format)


def test_a_label_without_a_name_is_named() -> None:
    targets = [TARGET, {}, {**TARGET, "labels": [1, 2]}]
    with pytest.raises(ValueError, match=r"targets\[2\]: labels\[1\] = 2 has no name"):
        objects_from_lists(targets, box_format=XYXY, category_names=["a", "b"])


def test_images_that_do_not_pair_are_named() -> None:
    with pytest.raises(ValueError, match="1 preds and 2 targets: they are matched by position"):
        columns_from_lists([PRED], [TARGET, TARGET], box_format=XYXY)
    with pytest.raises(ValueError, match=r"targets\[1\]: image_id missing"):
        objects_from_lists([{**TARGET, "image_id": 1}, TARGET], box_format=XYXY)
    with pytest.raises(ValueError, match=r"preds\[1\]: image_id = 7 is that of an earlier one"):
        detections_from_lists([{**PRED, "image_id": 7}] * 2, box_format=XYXY)
    with pytest.raises(ValueError, match="image_ids has 1 ids for 2 images"):
        detections_from_lists([PRED, PRED], box_format=XYXY, image_ids=[1])
    with pytest.raises(ValueError, match=r"image_ids\[1\] = 0.5 is not an integer"):
        detections_from_lists([PRED, PRED], box_format=XYXY, image_ids=[0, 0.5])  # type: ignore[list-item]  # the mistake


def test_what_is_no_list_of_dicts_is_named() -> None:
    with pytest.raises(ValueError, match="preds: a list is needed, got dict"):
        detections_from_lists(PRED, box_format=XYXY)  # type: ignore[arg-type]  # the mistake
    with pytest.raises(ValueError, match=r"preds\[1\] is no dict, but list"):
        detections_from_lists([PRED, []], box_format=XYXY)  # type: ignore[list-item]  # the mistake
