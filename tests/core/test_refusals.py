"""The checks of inputs that files of `refdet.core` have in common: every copy, word for word.

Each file carries its own copy, since each stands alone. What a function refuses besides is in the
tests of its own file.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest

import refdet.core

FILES = [
    importlib.import_module(f"refdet.core.{file.name}")
    for file in pkgutil.iter_modules(refdet.core.__path__)
]
NAN, INF = float("nan"), float("inf")
UNIT = [0.0, 0.0, 1.0, 1.0]
BOXES = [
    (np.zeros((1, 4), bool), TypeError, "x must be of a real dtype, got bool"),
    (np.zeros(4), ValueError, "x must have shape (N, 4), got (4,)"),
    (np.zeros((2, 5)), ValueError, "x must have shape (N, 4), got (2, 5)"),
    (np.zeros((1, 4, 4)), ValueError, "x must have shape (N, 4), got (1, 4, 4)"),
    ([UNIT, [0, NAN, 1, 1]], ValueError, "x[1] = [0.0, nan, 1.0, 1.0] is not finite"),
    ([UNIT, [0, 0, 1, INF]], ValueError, "x[1] = [0.0, 0.0, 1.0, inf] is not finite"),
    ([UNIT, [3, 0, 1, 1]], ValueError, "x[1] = [3.0, 0.0, 1.0, 1.0] has x2 < x1 or y2 < y1"),
    ([UNIT, [0, 3, 1, 1]], ValueError, "x[1] = [0.0, 3.0, 1.0, 1.0] has x2 < x1 or y2 < y1"),
]
SCORES = [
    (np.zeros(1, complex), TypeError, "x must be of a real dtype, got complex128"),
    (np.zeros((1, 1)), ValueError, "x must have shape (N,), got (1, 1)"),
    ([0.5, NAN, 0.5, NAN], ValueError, "x[1] is NaN"),
]
LABELS = [
    (np.zeros(3), TypeError, "x must be of an integer dtype, got float64"),
    (np.zeros(0, bool), TypeError, "x must be of an integer dtype, got bool"),
    (np.zeros(2, int), ValueError, "x must have shape (3,), got (2,)"),
    (np.zeros(0), ValueError, "x must have shape (3,), got (0,)"),
    ([0, -1, -2], ValueError, "x[1] = -1 is negative"),
    (np.array([0, 2**63, 1], np.uint64), ValueError, f"x[1] = {2**63} exceeds int64"),
]
ROWS = [
    (np.zeros(2, bool), TypeError, "x must be of an integer dtype, got bool"),
    (np.zeros(3, int), ValueError, "x must have shape (2,), got (3,)"),
    ([0, -1], ValueError, "x[1] = -1 is no row of 5"),
    ([4, 5], ValueError, "x[1] = 5 is no row of 5"),
]
MASKS = [
    ([0, 1], TypeError, "x must be of dtype bool, got int64"),
    (np.zeros(3, bool), ValueError, "x must have shape (2,), got (3,)"),
]
IOUS = [
    (np.zeros((1, 1), bool), TypeError, "iou must be of a real dtype, got bool"),
    (np.zeros(2), ValueError, "iou must have shape (P, G), got (2,)"),
    ([[0, 1, 0], [0, 1, 1.5]], ValueError, "iou[1, 2] = 1.5 is not in [0, 1]"),
    ([[0, -0.5, 0], [0, 1, 1.5]], ValueError, "iou[0, 1] = -0.5 is not in [0, 1]"),
    ([[0, 1, 0], [NAN, 1, 1]], ValueError, "iou[1, 0] = nan is not in [0, 1]"),
]
Check = Callable[[object], np.ndarray]


def copies(name: str, *more: object) -> Iterator[tuple[str, Check]]:
    """Every file's function of that name, called as a function of its input alone."""
    for file in FILES:
        if hasattr(file, name):
            function = getattr(file, name)
            yield f"{file.__name__}.{name}", partial(_called, function, more)


def _called(function: Callable[..., np.ndarray], more: tuple[object, ...], x: object) -> np.ndarray:
    return function(x, *more)


KINDS = [
    (list(copies("_checked_boxes", "x")), BOXES),
    (list(copies("_checked_scores", "x")), SCORES),
    (list(copies("_checked_labels", "x", 3)), LABELS),
    (list(copies("_checked_rows", "x", 2, 5)), ROWS),
    (list(copies("_checked_mask", "x", 2)), MASKS),
    (list(copies("_checked_iou")), IOUS),
]
REFUSALS = [
    pytest.param(check, bad, error, message, id=f"{name}-{message}")
    for checks, refused in KINDS
    for name, check in checks
    for bad, error, message in refused
]


@pytest.mark.parametrize(("check", "bad", "error", "message"), REFUSALS)
def test_checks_say_what_is_wrong_and_where(
    check: Check, bad: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as raised:
        check(bad)
    assert str(raised.value) == message


def test_checks_have_copies_in_many_files() -> None:
    assert [len(checks) for checks, _ in KINDS] == [5, 9, 5, 2, 4, 2]


def all_copies(name: str, *more: object) -> pytest.MarkDecorator:
    """Run a test on every copy."""
    found = list(copies(name, *more))
    return pytest.mark.parametrize(
        "check", [check for _, check in found], ids=[n for n, _ in found]
    )


@all_copies("_checked_boxes", "x")
@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint8])
def test_checked_boxes_are_float64_and_a_copy(check: Check, dtype: type[np.generic]) -> None:
    boxes = np.array([UNIT, [2, 2, 2, 2]], dtype)
    got = check(boxes)
    assert got.dtype == np.float64
    assert got.tolist() == boxes.tolist()
    assert not np.shares_memory(check(boxes.astype(np.float64)), boxes)


@all_copies("_checked_scores", "x")
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int64, np.uint8])
def test_checked_scores_are_float64(check: Check, dtype: type[np.generic]) -> None:
    got = check(np.array([1, 0], dtype))
    assert got.dtype == np.float64
    assert got.tolist() == [1, 0]
    assert check([INF, -INF]).tolist() == [INF, -INF]


@all_copies("_checked_labels", "x", 3)
def test_checked_labels_are_int64(check: Check) -> None:
    for dtype in (np.int8, np.uint16, np.uint64):
        got = check(np.array([0, 1, 2], dtype))
        assert got.dtype == np.int64
        assert got.tolist() == [0, 1, 2]
    assert check([0, 2**63 - 1, 0]).tolist() == [0, 2**63 - 1, 0]


@all_copies("_checked_labels", "x", 0)
def test_checked_labels_take_an_empty_list(check: Check) -> None:
    assert check([]).dtype == np.int64


@all_copies("_checked_rows", "x", 2, 5)
def test_checked_rows_are_int64(check: Check) -> None:
    got = check(np.array([0, 4], np.uint8))
    assert got.dtype == np.int64
    assert got.tolist() == [0, 4]


@all_copies("_checked_rows", "x", 0, 5)
def test_checked_rows_take_an_empty_list(check: Check) -> None:
    assert check([]).dtype == np.int64


@all_copies("_checked_mask", "x", 2)
def test_checked_mask_is_bool_and_none_is_none(check: Check) -> None:
    assert check([True, False]).tolist() == [True, False]
    got = check(None)
    assert got.dtype == np.bool_
    assert got.tolist() == [False, False]


@all_copies("_checked_iou")
def test_checked_iou_takes_0_to_1_and_no_row_or_column(check: Check) -> None:
    assert check(np.array([[0, 1]], np.uint8)).dtype == np.float64
    assert check([[0.0, 1.0]]).tolist() == [[0, 1]]
    assert [check(np.zeros(shape)).shape for shape in ((0, 3), (2, 0))] == [(0, 3), (2, 0)]
