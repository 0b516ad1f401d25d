"""What `evaluate_coco` takes and what it refuses, with the argument, the row and the value."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from refdet.core.coco_eval import CocoParams, evaluate_coco
from tests.core.coco_cases import Columns, evaluate, random_columns

pytestmark = pytest.mark.filterwarnings("error")

ARRAYS = ("stats", "precision", "recall", "scores")


def columns_of_whole_numbers() -> Columns:
    rng = np.random.default_rng(11)
    n = 40
    boxes = rng.integers(0, 12, (2, n, 4))
    return {
        "gt_image_ids": rng.integers(0, 3, n),
        "gt_labels": rng.integers(0, 3, n),
        "gt_boxes_xywh": boxes[0],
        "gt_area": boxes[0, :, 2] * boxes[0, :, 3],
        "gt_crowd": rng.random(n) < 0.2,
        "gt_ignore": rng.random(n) < 0.2,
        "dt_image_ids": rng.integers(0, 3, n),
        "dt_labels": rng.integers(0, 3, n),
        "dt_boxes_xywh": boxes[1],
        "dt_scores": rng.integers(0, 9, n),
        "image_ids": np.arange(3),
        "category_ids": np.arange(3),
    }


def assert_same(columns: Columns, other: Columns) -> None:
    got, want = evaluate(columns), evaluate(other)
    assert want.stats[0] > 0
    for name in ARRAYS:
        assert np.array_equal(getattr(got, name), getattr(want, name)), name


def strided(column: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.repeat(column, 2, axis=0)[::2]


def reversed_view(column: NDArray[np.generic]) -> NDArray[np.generic]:
    return column[::-1].copy()[::-1]


def column_major(column: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.asfortranarray(column)


def read_only(column: NDArray[np.generic]) -> NDArray[np.generic]:
    locked = column.copy()
    locked.setflags(write=False)
    return locked


@pytest.mark.parametrize("layout", [strided, reversed_view, column_major, read_only])
def test_evaluate_coco_takes_any_layout_of_memory(
    layout: Callable[[NDArray[np.generic]], NDArray[np.generic]],
) -> None:
    columns = columns_of_whole_numbers()
    assert_same({name: layout(column) for name, column in columns.items()}, columns)


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "u4", "u8", "f2", "f4", ">i4", ">f8"])
def test_evaluate_coco_takes_any_real_dtype(dtype: str) -> None:
    columns = columns_of_whole_numbers()
    reals = {n: c.astype(np.float64) for n, c in columns.items() if n.endswith(("xywh", "scores"))}
    other = {name: column.astype(dtype) for name, column in reals.items()}
    if np.dtype(dtype).kind in "iu":
        other |= {n: c.astype(dtype) for n, c in columns.items() if n.endswith(("ids", "labels"))}
    assert_same({**columns, **other}, {**columns, **reals})


def test_evaluate_coco_multiplies_sides_without_overflow() -> None:
    columns = columns_of_whole_numbers()
    boxes = np.full((40, 4), 250, np.uint8)
    huge = {"gt_boxes_xywh": boxes, "dt_boxes_xywh": boxes, "gt_area": np.full(40, 62_500)}
    as_reals = {name: column.astype(np.float64) for name, column in huge.items()}
    assert_same({**columns, **huge}, {**columns, **as_reals})


def test_evaluate_coco_takes_lists() -> None:
    columns = columns_of_whole_numbers()
    got = evaluate_coco(**{name: column.tolist() for name, column in columns.items()})
    assert np.array_equal(got.precision, evaluate(columns).precision)


@pytest.mark.parametrize("side", ["gt", "dt"])
def test_evaluate_coco_takes_empty_lists(side: str) -> None:
    columns = columns_of_whole_numbers()
    empty = {n: c[:0].tolist() for n, c in columns.items() if n.startswith(side)}
    empty[f"{side}_boxes_xywh"] = np.zeros((0, 4))
    got = evaluate_coco(**{**columns, **empty})
    assert set(got.recall.ravel().tolist()) == ({-1.0} if side == "gt" else {-1.0, 0.0})


def test_evaluate_coco_writes_to_no_input() -> None:
    for seed in range(8):
        columns = random_columns(np.random.default_rng(seed))
        before = {name: column.copy() for name, column in columns.items()}
        evaluate({name: read_only(column) for name, column in columns.items()})
        evaluate(columns)
        for name, column in columns.items():
            assert np.array_equal(column, before[name]), name


@pytest.mark.parametrize(
    ("name", "row", "value", "message"),
    [
        ("dt_scores", 2, np.nan, r"dt_scores\[2\] = nan is not finite"),
        ("gt_area", 3, np.inf, r"gt_area\[3\] = inf is not finite"),
        ("gt_area", 1, -2.0, r"gt_area\[1\] = -2\.0 has a negative size"),
        ("gt_boxes_xywh", 1, (0, np.nan, 1, 1), r"gt_boxes_xywh\[1\] = \[0\.0, nan, 1\.0, 1\.0\]"),
        ("dt_boxes_xywh", 4, (-np.inf, 0, 1, 1), r"dt_boxes_xywh\[4\] = \[-inf, .* is not finite"),
        ("dt_boxes_xywh", 0, (0, 0, 1, -1), r"dt_boxes_xywh\[0\] = .*-1\.0\] has a negative size"),
        ("gt_boxes_xywh", 5, (0, 0, -1, 1), r"gt_boxes_xywh\[5\] = .* has a negative size"),
    ],
)
def test_evaluate_coco_names_row_and_value(
    name: str, row: int, value: float | tuple[float, ...], message: str
) -> None:
    columns = columns_of_whole_numbers()
    wrong = columns[name].astype(np.float64)
    wrong[row] = value
    with pytest.raises(ValueError, match=message):
        evaluate({**columns, name: wrong})


@pytest.mark.parametrize("name", columns_of_whole_numbers())
@pytest.mark.parametrize("dtype", ["?", "c16", "O", "U9", "f8", "i8"])
def test_evaluate_coco_refuses_what_is_of_the_wrong_kind(name: str, dtype: str) -> None:
    columns = columns_of_whole_numbers()
    kind = np.dtype(dtype).kind
    right = {"crowd": "b", "gnore": "b", "e_ids": "i", "y_ids": "i", "abels": "i"}
    if kind in right.get(name[-5:], "fi"):
        return
    what = "dtype bool" if name.endswith(("crowd", "ignore")) else "a real dtype"
    what = "integers" if name.endswith(("ids", "labels")) else what
    with pytest.raises(TypeError, match=f"^{name} must be of {what}, got "):
        evaluate({**columns, name: columns[name].astype(dtype)})


@pytest.mark.parametrize("ids", [[0, 1, 2], [2, 1, 0]])
@pytest.mark.parametrize("first", [-(2**63), 2**63 - 3])
def test_evaluate_coco_takes_neighbouring_ids_at_the_ends_of_int64(
    first: int, ids: list[int]
) -> None:
    # The rows of the third image are not judged; its id lies beside those that are.
    columns = columns_of_whole_numbers()
    columns["image_ids"] = columns["image_ids"][:2]
    names = [name for name in columns if name.endswith("image_ids")]
    near = columns | {name: np.array(ids)[columns[name]] for name in names}
    far = columns | {name: near[name] + np.int64(first) for name in names}
    assert_same(far, near)


@pytest.mark.parametrize("name", columns_of_whole_numbers())
def test_evaluate_coco_refuses_another_shape(name: str) -> None:
    columns = columns_of_whole_numbers()
    with pytest.raises(ValueError, match=r"must have shape \(.*\), got \("):
        evaluate({**columns, name: columns[name][..., None]})
    if name not in ("image_ids", "category_ids"):
        with pytest.raises(ValueError, match=r"must have shape \(.*\), got \("):
            evaluate({**columns, name: columns[name][:-1]})


@pytest.mark.parametrize("name", ["gt_image_ids", "dt_labels", "image_ids", "category_ids"])
def test_evaluate_coco_refuses_ids_beyond_int64(name: str) -> None:
    columns = columns_of_whole_numbers()
    wrong = columns[name].astype(np.uint64)
    wrong[1] = 2**63
    with pytest.raises(ValueError, match=rf"{name}\[1\] = 9223372036854775808 is no int64"):
        evaluate({**columns, name: wrong})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"iou_thresholds": ()}, "iou_thresholds must ascend within"),
        ({"iou_thresholds": (0.5, 0.5)}, "iou_thresholds must ascend within"),
        ({"iou_thresholds": (0.5, 1.5)}, "iou_thresholds must ascend within"),
        ({"iou_thresholds": (np.nan,)}, "iou_thresholds must ascend within"),
        ({"iou_thresholds": (0, 0.5)}, "iou_thresholds must be above 0"),
        ({"iou_thresholds": np.linspace(0.1, 1, 65)}, "at most 64, got 65"),
        ({"recall_levels": (-0.1, 0.5)}, "recall_levels must ascend within"),
        ({"recall_levels": (0.5, 0.1)}, "recall_levels must ascend within"),
        ({"recall_levels": ()}, "recall_levels must ascend within"),
        ({"area_ranges": ()}, "distinct names"),
        ({"area_ranges": (("all", 0, 1), ("all", 1, 2))}, "distinct names"),
        ({"area_ranges": (("all", 2, 1),)}, "low <= high"),
        ({"area_ranges": (("all", np.nan, 1),)}, "low <= high"),
        ({"max_detections": ()}, "max_detections must be positive"),
        ({"max_detections": (0, 10)}, "max_detections must be positive"),
    ],
)
def test_coco_params_refuse_what_has_no_meaning(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CocoParams(**wrong)  # type: ignore[arg-type]  # one of them is wrong on purpose


def test_coco_params_take_a_range_of_one_area() -> None:
    assert CocoParams(area_ranges=(("one", 4, 4),)).area_ranges == (("one", 4.0, 4.0),)


def test_coco_params_take_arrays() -> None:
    params = CocoParams(
        iou_thresholds=np.array([0.5, 0.75]),  # type: ignore[arg-type]  # as users of NumPy do
        max_detections=np.array([100, 1]),  # type: ignore[arg-type]  # likewise
    )
    assert params == CocoParams(iou_thresholds=(0.5, 0.75), max_detections=(1, 100))
    assert hash(params) == hash(CocoParams((0.5, 0.75), max_detections=[1, 100]))


def test_coco_params_refuse_a_fractional_number_of_detections() -> None:
    with pytest.raises(TypeError, match="float"):
        CocoParams(max_detections=(1.5,))  # type: ignore[arg-type]  # on purpose
