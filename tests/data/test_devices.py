"""Transforms of an image on a device, with its boxes and labels on the CPU.

On `meta`, a device without values, whoever looks at a pixel fails. What is copied to a device from
the host waits for a GPU, too, unless it is told not to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torchvision.transforms.v2 import functional as F

from refdet.data.augmentation import Transform, inference_transform, training_transform
from refdet.data.augmentation_faster_rcnn import faster_rcnn_training_transform

BOXES = torch.tensor([[5.0, 5, 30, 40], [20, 10, 50, 45], [0, 0, 60, 3]])
LABELS = torch.tensor([0, 1, 2])
TRANSFORMS = {
    "ssd": training_transform(40),
    "faster-rcnn": faster_rcnn_training_transform(),
    "inference": inference_transform(40),
}


class CopyingToTheDeviceFails(TorchFunctionMode):
    """Refuses what makes a tensor on `meta` from numbers of the host, or from a tensor there."""

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Iterable[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        given = dict(kwargs or {})
        makes = func in (torch.tensor, torch.as_tensor, torch.Tensor.to, torch.Tensor.new_tensor)
        result = func(*args, **given)
        from_host = not (isinstance(args[0], torch.Tensor) and args[0].is_meta) if args else True
        if makes and from_host and isinstance(result, torch.Tensor) and result.is_meta:
            assert given.get("non_blocking"), f"{func} copies to the device and waits"
        return result


def test_copying_to_the_device_fails_where_torchvision_does() -> None:
    image = torch.zeros((3, 5, 6), device="meta")
    with CopyingToTheDeviceFails():
        F.adjust_hue(image, 0.1)
        for waits in (
            lambda: F.normalize(image, [0.1, 0.2, 0.3], [0.1, 0.2, 0.3]),
            lambda: F.pad(image, [1, 1, 1, 1], fill=[0.1, 0.2, 0.3]),
            lambda: torch.zeros(3).to("meta"),
        ):
            with pytest.raises(AssertionError, match="copies to the device"):
                waits()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_transforms_look_at_no_pixel_and_wait_for_no_copy(
    transform: Transform, dtype: torch.dtype
) -> None:
    image = torch.zeros((3, 50, 60), dtype=dtype)
    on_device = image.to("meta")
    transform(on_device, BOXES, LABELS)  # what is copied once and kept
    for seed in range(60):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            expected = transform(image, BOXES, LABELS)
            drawn = torch.rand(1)
            torch.manual_seed(seed)
            with CopyingToTheDeviceFails():
                ours = transform(on_device, BOXES, LABELS)
            assert torch.equal(torch.rand(1), drawn)
        assert ours[0].device.type == "meta"
        assert (ours[0].shape, ours[0].dtype) == (expected[0].shape, expected[0].dtype)
        assert torch.equal(ours[1], expected[1])
        assert torch.equal(ours[2], expected[2])
