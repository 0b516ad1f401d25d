"""How a function is found, and how a contract calls it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from refdet.conformance.adapter import Adapter, Arrays
from refdet.conformance.target import (
    Call,
    Target,
    arrays_of,
    contract_named,
    implementation,
    load_function,
    load_target,
)

BOX = np.array([[0.0, 0.0, 2.0, 2.0]])


def refuses(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Raises an error of neither of the two kinds."""
    raise IndexError(f"{len(a)} and {len(b)}")


def of_tensors(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Annotated as torch's functions are."""
    return a + b


def test_load_function_finds_functions_and_methods() -> None:
    assert load_function("os.path:join").__name__ == "join"
    assert load_function("pathlib:Path.cwd").__name__ == "cwd"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("torchvision.ops.box_iou", "is not package.module:function"),
        (":box_iou", "is not package.module:function"),
        ("no_such_package:iou", "cannot import no_such_package"),
        ("torchvision.ops:box_iuo", "has no 'box_iuo'; did you mean box_iou"),
        ("math:pi", "is no function, but float"),
    ],
)
def test_load_function_says_what_is_wrong_with_a_reference(reference: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_function(reference)


def test_contract_named_suggests_a_name() -> None:
    assert contract_named("iou_matrix").name == "iou_matrix"
    with pytest.raises(ValueError, match="no contract 'iou_matrx'; did you mean iou_matrix"):
        contract_named("iou_matrx")


def test_load_target_takes_tensors_where_annotations_or_the_module_say_so() -> None:
    assert load_target("torchvision.ops:box_iou", "iou_matrix").adapter.arrays is Arrays.TORCH
    assert load_target("refdet.core.iou:iou_matrix", "iou_matrix").adapter.arrays is Arrays.NUMPY
    assert arrays_of(of_tensors) is Arrays.TORCH
    assert arrays_of(max) is Arrays.NUMPY  # compiled, without a signature


def test_implementation_records_calls_as_they_were_made() -> None:
    def spoils(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        a[:] = 0
        return b

    calls: list[Call] = []
    implementation(Target("spoils", "iou_matrix", spoils), calls)(BOX.copy(), BOX)
    (call,) = calls
    np.testing.assert_array_equal(call.positional[0], BOX)
    assert call.error is None


def test_implementation_takes_any_error_for_a_refusal_unless_exact_errors_are_wanted() -> None:
    calls: list[Call] = []
    lenient = implementation(Target("refuses", "iou_matrix", refuses), calls)
    for expected in (ValueError, TypeError):
        with pytest.raises(expected, match="IndexError: 1 and 1"):
            lenient(BOX, BOX)
    assert isinstance(calls[0].error, IndexError)
    exact = Target("refuses", "iou_matrix", refuses, Adapter(exact_errors=True))
    with pytest.raises(IndexError):
        implementation(exact)(BOX, BOX)
