"""Transforms of an image on a device, with its boxes and labels on the CPU.

On `meta`, a device without values, whoever looks at a pixel fails.
"""

from __future__ import annotations

import pytest
import torch

from refdet.data.augmentation import Transform, inference_transform, training_transform
from refdet.data.augmentation_faster_rcnn import faster_rcnn_training_transform

BOXES = torch.tensor([[5.0, 5, 30, 40], [20, 10, 50, 45], [0, 0, 60, 3]])
LABELS = torch.tensor([0, 1, 2])
TRANSFORMS = {
    "ssd": training_transform(40),
    "faster-rcnn": faster_rcnn_training_transform(),
    "inference": inference_transform(40),
}


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_transforms_look_at_no_pixel(transform: Transform, dtype: torch.dtype) -> None:
    image = torch.zeros((3, 50, 60), dtype=dtype)
    for seed in range(60):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            expected = transform(image, BOXES, LABELS)
            drawn = torch.rand(1)
            torch.manual_seed(seed)
            ours = transform(image.to("meta"), BOXES, LABELS)
            assert torch.equal(torch.rand(1), drawn)
        assert ours[0].device.type == "meta"
        assert (ours[0].shape, ours[0].dtype) == (expected[0].shape, expected[0].dtype)
        assert torch.equal(ours[1], expected[1])
        assert torch.equal(ours[2], expected[2])
