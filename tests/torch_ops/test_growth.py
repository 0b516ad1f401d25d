"""A batch takes as many operations as an image: on a GPU, each costs a launch, whatever its size.

They are counted on `meta`, whose operations do nothing, and where the way of a GPU is taken.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from refdet.torch_ops.assign import assign_rcnn, assign_ssd
from refdet.torch_ops.codec import decode_boxes, encode_boxes
from refdet.torch_ops.iou import iou_matrix
from refdet.torch_ops.losses import confidence_loss, multibox_loss
from refdet.torch_ops.postprocess import decode_detections
from refdet.torch_ops.sampling import hard_negative_mask

WEIGHTS = (10.0, 10.0, 5.0, 5.0)
N_CLASSES = 20


class Counting(TorchDispatchMode):
    """Counts the operations that reach a device, those of backward too."""

    count: int = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        self.count += 1
        return func(*args, **(kwargs or {}))


def step(batch: int, n_priors: int, n_objects: int) -> None:
    """From boxes and predictions to the gradient of SSD's loss."""
    with torch.device("meta"):
        priors, boxes = torch.rand(n_priors, 4), torch.rand(batch, n_objects, 4)
        logits = torch.rand(batch, n_priors, N_CLASSES + 1, requires_grad=True)
        deltas = torch.rand(batch, n_priors, 4, requires_grad=True)
    found = assign_ssd(iou_matrix(boxes, priors).mT, 0.5)
    matched = boxes.gather(1, found.object_index[..., None].expand(-1, -1, 4))
    labels = found.positive.long()
    hard = hard_negative_mask(confidence_loss(logits, labels), found.positive, 3.0)
    targets = encode_boxes(matched, priors, WEIGHTS)
    multibox_loss(logits, deltas, labels, targets, found.positive, hard).total.backward()


def decode(batch: int, n_priors: int, _: int) -> None:
    with torch.device("meta"):
        logits, deltas = torch.rand(batch, n_priors, N_CLASSES + 1), torch.rand(batch, n_priors, 4)
        priors = torch.rand(n_priors, 4)
    decode_detections(
        *(logits, deltas, priors, WEIGHTS),
        width=1,
        height=1,
        min_score=0.01,
        iou_threshold=0.45,
        top_k_before_nms=400,
        top_k=200,
    )


def propose(batch: int, n_priors: int, n_objects: int) -> None:
    with torch.device("meta"):
        anchors, boxes = torch.rand(n_priors, 4), torch.rand(batch, n_objects, 4)
        deltas = torch.rand(batch, n_priors, 4)
    assign_rcnn(iou_matrix(boxes, anchors).mT, 0.7, 0.3, allow_low_quality=True)
    decode_boxes(deltas, anchors, WEIGHTS)


def operations(work: Callable[[int, int, int], None], *sizes: int) -> int:
    counting: Counting = Counting()  # type: ignore[no-untyped-call]  # torch's, without types
    with counting:
        work(*sizes)
    return counting.count


@pytest.mark.parametrize("work", [step, propose])
def test_more_images_and_priors_take_no_more_operations(
    work: Callable[[int, int, int], None],
) -> None:
    few = operations(work, 1, 1000, 12)
    assert few > 20
    assert operations(work, 32, 8732, 12) == few


def test_decoding_more_images_takes_more_blocks_of_memory_alone() -> None:
    """102 million pairs of boxes are looked at, in blocks of 8 million."""
    assert operations(decode, 32, 8732, 0) <= 2 * operations(decode, 1, 8732, 0)


def test_an_object_more_takes_ten_operations_more() -> None:
    """A round of the assignment, which is the only loop; 3,275 operations were once too many."""
    assert operations(step, 8, 8732, 145) <= 250 + 10 * 145


def test_what_counts_sees_a_loop_over_images() -> None:
    def looping(batch: int, *_: int) -> None:
        images: Tensor = torch.rand(batch, 4, device="meta")
        torch.stack([image.exp() for image in images])

    assert operations(looping, 32, 0, 0) > operations(looping, 1, 0, 0) + 30
