"""What `refdet.torch_ops.coco_eval` asks of the device: few operations, and hardly ever to wait."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from typing import TypeAlias

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.evaluation.workloads import Size, synthetic
from tests.torch_ops.test_coco_eval import columns_of, evaluate_twin, on_device

# What makes the host wait for a value, or for the number of rows of what comes next.
WAITS = ("nonzero", "_unique2", "equal", "_local_scalar_dense", "masked_select", "bincount")
CLASSES, PAIRS, NEAR_PAIRS, WISHES, ASKERS = (1,) * 5

Keywords: TypeAlias = Mapping[str, object]


class Counting(TorchDispatchMode):
    """Counts torch's operations by name, views included."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no types here
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(
        self,
        func: object,
        types: object,
        args: tuple[object, ...] = (),
        kwargs: Keywords | None = None,
    ) -> object:
        self.calls[str(func).split(".")[1]] += 1
        assert callable(func)
        return func(*args, **(kwargs or {}))


def calls_on(size: Size) -> Counter[str]:
    columns = on_device(columns_of(synthetic(size)))
    with Counting() as counting:
        evaluate_twin(columns)
    calls: Counter[str] = counting.calls  # torch's modes have no types
    return calls


def test_evaluate_coco_takes_no_more_operations_for_more_of_everything() -> None:
    """No loop over images, classes or detections; NumPy's sums are halved once or twice more."""
    few, many = calls_on(Size(10, 100, 500, 2)), calls_on(Size(80, 900, 4_000, 16))
    assert few.total() > 100
    assert many.total() - few.total() < 60
    assert many.total() < 1_100


def test_evaluate_coco_waits_a_few_times() -> None:
    calls = calls_on(Size(40, 500, 2_000, 8))
    waits = {name: count for name, count in calls.items() if name in WAITS}
    # The number of pairs is read by `tolist`, which is no operation of its own.
    assert waits.pop("equal") <= 2, "after every eighth round"
    assert waits == {"_unique2": CLASSES, "nonzero": NEAR_PAIRS + WISHES + ASKERS}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_evaluate_coco_waits_as_often_on_cuda() -> None:
    columns = on_device(columns_of(synthetic(Size(40, 500, 2_000, 8))), "cuda")
    evaluate_twin(columns)  # what is done once, on the first call
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            evaluate_twin(columns)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    waits = [str(one.message) for one in caught if "synchroniz" in str(one.message)]
    # Besides those above: sending the parameters, and torch's own where `unique` asks twice.
    assert 0 < len(waits) <= CLASSES + PAIRS + NEAR_PAIRS + WISHES + ASKERS + 6, waits
