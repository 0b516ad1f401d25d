"""What runs on a GPU, on one that torch pretends: no machine needs one for this.

`FakeTensorMode` computes shapes, dtypes and devices alone. It refuses to mix devices, as CUDA
does, and to give away a value, for which CUDA would wait; `is_cuda` is true.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from refdet.models.ssd300 import SSD300, SSDOutput
from refdet.models.ssd_loss import ssd_loss
from refdet.torch_ops.postprocess import decode_detections
from tests.targets import TORCH
from tests.torch_ops.test_devices import CASES, DTYPES, tensors


@pytest.fixture(autouse=True)
def pretending() -> Iterator[None]:
    with FakeTensorMode():
        yield


def on_cuda(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.empty(shape, dtype=dtype, device="cuda")


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_functions_stay_on_their_device_and_look_at_no_value(name: str, dtype: torch.dtype) -> None:
    given = [
        on_cuda(*one.shape, dtype=dtype if one.is_floating_point() else one.dtype)
        if isinstance(one, Tensor)
        else one
        for one in CASES[name]
    ]
    found = tensors(TORCH[name](*given))
    assert len(found) > 0
    assert {one.device.type for one in found} == {"cuda"}


@pytest.mark.parametrize("dtype", DTYPES)
def test_detections_of_a_batch_are_decoded_without_a_look(dtype: torch.dtype) -> None:
    logits, deltas = on_cuda(4, 8732, 21, dtype=dtype), on_cuda(4, 8732, 4, dtype=dtype)
    found = decode_detections(
        *(logits, deltas, on_cuda(8732, 4), (10.0, 10.0, 5.0, 5.0)),
        width=1,
        height=1,
        min_score=0.01,
        iou_threshold=0.45,
        top_k_before_nms=400,
        top_k=200,
    )
    assert {one.device.type for one in found} == {"cuda"}
    assert found.boxes_xyxy.shape == (4, 200, 4)


def test_ssd300s_loss_is_computed_without_a_look() -> None:
    """Its gradient is not: torch's engine wants a GPU for that; on `meta` it is."""
    model = SSD300(20)
    for name, priors in list(model.named_buffers()):
        setattr(model, name, on_cuda(*priors.shape))
    output = SSDOutput(on_cuda(2, 8732, 21), on_cuda(2, 8732, 4))
    boxes = [on_cuda(3, 4), on_cuda(1, 4)]
    labels = [on_cuda(count, dtype=torch.int64) for count in (3, 1)]
    assert {one.device.type for one in ssd_loss(model, output, boxes, labels)} == {"cuda"}


def test_a_look_and_another_device_are_noticed() -> None:
    with pytest.raises(DataDependentOutputException):
        on_cuda(1).item()
    with pytest.raises(RuntimeError, match="device"):
        on_cuda(2) + torch.empty(2)
