"""What an adapter passes to a function, and what it makes of the answer."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch

from refdet.conformance.adapter import (
    Adapter,
    Arrays,
    adapt_arguments,
    adapt_outcome,
    convert_boxes,
)
from refdet.conformance.contract import BoxFormat, named_arrays

BOXES = np.array([[1.0, 2.0, 4.0, 8.0]])
AS_XYWH = [[1.0, 2.0, 3.0, 6.0]]
AS_CXCYWH = [[2.5, 5.0, 3.0, 6.0]]


@pytest.mark.parametrize(
    ("form", "want"),
    [(BoxFormat.XYWH, AS_XYWH), (BoxFormat.CXCYWH, AS_CXCYWH), (None, BOXES.tolist())],
)
def test_boxes_are_passed_in_the_format_of_the_function(
    form: BoxFormat | None, want: list[list[float]]
) -> None:
    given = adapt_arguments(Adapter(box_format=form), ("boxes_xyxy",), (BOXES,), {})
    (boxes,) = given.positional
    np.testing.assert_array_equal(boxes, want)


def test_only_parameters_that_are_named_for_a_format_are_converted() -> None:
    given = adapt_arguments(
        Adapter(box_format=BoxFormat.XYWH), ("boxes_xyxy", "deltas"), (BOXES, BOXES), {}
    )
    np.testing.assert_array_equal(given.positional[1], BOXES)


def test_boxes_come_back_in_the_format_of_the_contract() -> None:
    got = adapt_outcome(Adapter(box_format=BoxFormat.XYWH), np.array(AS_XYWH), BoxFormat.XYXY)
    np.testing.assert_array_equal(got, BOXES)


@pytest.mark.parametrize("form", BoxFormat)
@pytest.mark.parametrize("dtype", ["float16", "float64", "int32", "uint8"])
def test_conversion_keeps_the_dtype_that_can_hold_the_boxes(form: BoxFormat, dtype: str) -> None:
    boxes = np.array([[250, 250, 254, 254]], dtype)
    there = convert_boxes(boxes, BoxFormat.XYXY, form)
    back = convert_boxes(there, form, BoxFormat.XYXY)
    assert there.dtype == back.dtype == boxes.dtype
    np.testing.assert_array_equal(back, boxes)


def test_conversion_falls_back_to_float64_where_an_integer_overflows() -> None:
    end_to_end = np.array([[-(2**31), 0, 2**31 - 1, 1]], np.int32)
    converted = convert_boxes(end_to_end, BoxFormat.XYXY, BoxFormat.XYWH)
    assert converted.tolist() == [[-(2**31), 0, 2**32 - 1, 1]]


def test_what_is_no_array_of_boxes_is_left_to_the_function() -> None:
    wrong = np.zeros((2, 3))
    assert convert_boxes(wrong, BoxFormat.XYXY, BoxFormat.XYWH) is wrong


def test_a_dtype_is_for_boxes_and_real_numbers_alone() -> None:
    names = ("boxes_xyxy", "scores", "labels", "keep")
    values = (np.array([[0, 0, 1, 1]]), np.array([0.5]), np.array([1]), np.array([True]))
    given = adapt_arguments(Adapter(dtype="float32"), names, values, {})
    dtypes = [np.asarray(value).dtype.name for value in given.positional]
    assert dtypes == ["float32", "float32", "int64", "bool"]


def test_tensors_share_the_memory_of_arrays_so_that_writing_to_inputs_is_seen() -> None:
    boxes = BOXES.copy()
    (tensor,) = adapt_arguments(
        Adapter(arrays=Arrays.TORCH), ("boxes_xyxy",), (boxes,), {}
    ).positional
    assert isinstance(tensor, torch.Tensor)
    tensor[0, 0] = -1
    assert boxes[0, 0] == -1


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_tensors_of_every_dtype_come_back_as_arrays(dtype: str) -> None:
    adapter = Adapter(arrays=Arrays.TORCH, dtype=dtype)
    (tensor,) = adapt_arguments(adapter, ("boxes_xyxy",), (BOXES,), {}).positional
    assert str(getattr(tensor, "dtype", None)) == f"torch.{dtype}"
    np.testing.assert_array_equal(adapt_outcome(adapter, tensor, None), BOXES)


def test_functions_of_tensors_get_torchs_generators() -> None:
    """Equal ones for equal ones; and where NumPy's would go on, another."""

    def made(generator: np.random.Generator, arrays: Arrays) -> object:
        adapter = Adapter(arrays=arrays)
        return adapt_arguments(adapter, ("rng",), (generator,), {}).positional[0]

    first, second = np.random.default_rng(3), np.random.default_rng(3)
    generators = [made(one, Arrays.TORCH) for one in (first, second, second)]
    draws = [
        torch.rand(4, generator=one).tolist()
        for one in generators
        if isinstance(one, torch.Generator)
    ]
    assert draws[0] == draws[1] != draws[2]
    assert made(first, Arrays.LIST) is first


def test_lists_go_in_and_come_back_as_arrays() -> None:
    adapter = Adapter(arrays=Arrays.LIST)
    assert adapt_arguments(adapter, ("a_xyxy",), (BOXES,), {}).positional == (BOXES.tolist(),)
    got = adapt_outcome(adapter, [[0.5]], None)
    assert isinstance(got, np.ndarray)
    assert got.tolist() == [[0.5]]


def test_arguments_are_put_in_another_order_and_passed_by_name() -> None:
    adapter = Adapter(arguments=("scores", "thresh=iou_threshold", "boxes_xyxy"))
    names = ("boxes_xyxy", "scores", "iou_threshold")
    given = adapt_arguments(adapter, names, (BOXES, np.array([0.5]), 0.7), {})
    np.testing.assert_array_equal(given.positional[0], [0.5])
    np.testing.assert_array_equal(given.positional[1], BOXES)
    assert given.keywords == {"thresh": 0.7}


def test_an_argument_that_is_left_out_is_named() -> None:
    adapter = Adapter(arguments=("boxes_xyxy",))
    with pytest.raises(ValueError, match="arguments boxes_xyxy leave out scores"):
        adapt_arguments(adapter, ("boxes_xyxy", "scores"), (BOXES, np.array([0.5])), {})


def test_keywords_stay_keywords() -> None:
    given = adapt_arguments(Adapter(), ("a", "b"), (1,), {"b": 2})
    assert (given.positional, given.keywords) == ((1,), {"b": 2})


def test_the_items_of_a_tuple_get_names() -> None:
    adapter = Adapter(returns=("indices", "scores"))
    got = adapt_outcome(adapter, (torch.tensor([1]), np.array([0.5])), None)
    assert isinstance(got, SimpleNamespace)
    assert (got.indices.tolist(), got.scores.tolist()) == ([1], [0.5])


def test_a_tuple_of_another_length_than_its_names_is_a_break_and_no_refusal() -> None:
    adapter = Adapter(returns=("indices", "scores"))
    with pytest.raises(AssertionError, match="returned 3 parts for 2 names"):
        adapt_outcome(adapter, (1, 2, 3), None)


def test_a_tuple_with_names_is_a_tuple_and_a_record() -> None:
    class Found(NamedTuple):
        rows: object

    got = adapt_outcome(Adapter(), Found(torch.tensor([3])), None)
    assert isinstance(got, Found)
    assert isinstance(got.rows, np.ndarray)
    assert {name: rows.tolist() for name, rows in named_arrays(got).items()} == {
        "result_0": [3],
        "rows": [3],
    }


def test_tensors_in_a_dict_become_arrays() -> None:
    """Wherever they lie: as those that `sanitize_boxes` names by reason."""
    found = {"kept": torch.tensor([1]), "rejected": {"inverted": [torch.tensor([2])]}}
    outcome = adapt_outcome(Adapter(arrays=Arrays.TORCH), found, None)
    assert isinstance(outcome, dict)
    assert type(outcome["kept"]) is type(outcome["rejected"]["inverted"][0]) is np.ndarray
    assert outcome["kept"].tolist() == [1]


def test_a_record_of_tensors_becomes_one_of_arrays() -> None:
    @dataclass
    class Found:
        rows: torch.Tensor

    got = adapt_outcome(Adapter(), Found(torch.tensor([3])), None)
    assert isinstance(got, SimpleNamespace)
    assert isinstance(got.rows, np.ndarray)
