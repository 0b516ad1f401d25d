"""SSD's targets and loss: a batch is its images, and the labels gain a background once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from refdet.core.assign import assign_ssd
from refdet.core.codec import encode_boxes
from refdet.core.iou import iou_matrix
from refdet.models.ssd300 import SSD300, SSD_CODEC_WEIGHTS, SSDOutput
from refdet.models.ssd_detector import SSD300Detector
from refdet.models.ssd_loss import ssd_loss, ssd_targets

CAT_AND_DOG = (torch.tensor([[0.1, 0.1, 0.4, 0.5], [0.5, 0.5, 0.9, 0.8]]), torch.tensor([0, 1]))
ONE_DOG = (torch.tensor([[0.2, 0.3, 0.6, 0.7]]), torch.tensor([1]))
NOTHING = (torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))


@pytest.fixture(scope="module")
def model() -> SSD300:
    return SSD300(2, width=0.125)


def random_output(n_images: int) -> SSDOutput:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(n_images, 8732, 3, generator=generator)
    deltas = torch.randn(n_images, 8732, 4, generator=generator)
    return SSDOutput(logits.requires_grad_(), deltas.requires_grad_())


def test_ssd_targets_equal_core(model: SSD300) -> None:
    boxes, labels = CAT_AND_DOG
    priors = model.priors_xyxy.double().numpy()
    want = assign_ssd(iou_matrix(priors, boxes.double().numpy()), 0.5)
    got = ssd_targets(model, [boxes], [labels], 0.5)
    assert got.positive[0].tolist() == want.positive.tolist()
    positive = want.positive
    index = want.object_index[positive]
    # Outside a network a label starts at 0; inside, 0 is the background.
    assert got.classes[0][positive].tolist() == (labels[index] + 1).tolist()
    assert not got.classes[0][~positive].any()
    deltas = encode_boxes(boxes.double().numpy()[index], priors[positive], SSD_CODEC_WEIGHTS)
    torch.testing.assert_close(
        got.deltas[0][positive].double(), torch.from_numpy(deltas), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_ssd_targets_of_a_batch_are_those_of_its_images(
    model: SSD300, order: tuple[int, ...]
) -> None:
    images = [(CAT_AND_DOG, ONE_DOG, NOTHING)[position] for position in order]
    together = ssd_targets(model, [b for b, _ in images], [n for _, n in images], 0.5)
    for row, (boxes, labels) in enumerate(images):
        alone = ssd_targets(model, [boxes], [labels], 0.5)
        assert torch.equal(together.classes[row], alone.classes[0])
        assert torch.equal(together.positive[row], alone.positive[0])
        positive = alone.positive[0]
        assert torch.equal(together.deltas[row][positive], alone.deltas[0][positive])


@pytest.mark.parametrize("images", [[NOTHING], [NOTHING, NOTHING], [NOTHING, ONE_DOG]])
def test_ssd_loss_is_finite_without_objects(
    model: SSD300, images: list[tuple[Tensor, Tensor]]
) -> None:
    output = random_output(len(images))
    loss = ssd_loss(model, output, [boxes for boxes, _ in images], [names for _, names in images])
    loss.total.backward()
    assert torch.isfinite(loss.total)
    for part in output:
        assert part.grad is not None
        assert torch.isfinite(part.grad).all()


def test_ssd_loss_is_near_0_for_the_right_answer(model: SSD300) -> None:
    boxes, labels = CAT_AND_DOG
    targets = ssd_targets(model, [boxes], [labels], 0.5)
    logits = 30.0 * torch.nn.functional.one_hot(targets.classes, 3).float()
    loss = ssd_loss(model, SSDOutput(logits, targets.deltas), [boxes], [labels])
    assert float(loss.total) < 1e-6


def test_ssd_loss_mines_as_many_negatives_as_asked(model: SSD300) -> None:
    output = random_output(1)
    boxes, labels = ONE_DOG
    loss = ssd_loss(model, output, [boxes], [labels], negative_ratio=2.0)
    loss.total.backward()
    assert output.class_logits.grad is not None
    touched = output.class_logits.grad[0].abs().sum(dim=-1) > 0
    n_positive = int(ssd_targets(model, [boxes], [labels], 0.5).positive.sum())
    assert int(touched.sum()) == 3 * n_positive


class CountingCopies(TorchFunctionMode):
    """Counts tensors that go from the host to `meta`, which stands for a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Iterable[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        result = func(*args, **(kwargs or {}))
        from_host = not (args and isinstance(args[0], Tensor) and args[0].is_meta)
        copies = func in (Tensor.to, torch.tensor, torch.as_tensor, Tensor.new_tensor)
        if copies and from_host and isinstance(result, Tensor) and result.is_meta:
            self.shapes.append(tuple(result.shape))
        return result


def test_losses_copy_boxes_and_labels_of_a_batch_at_once() -> None:
    # On `meta`, a device without values, whoever looks at one fails as well.
    detector = SSD300Detector(2, width=0.125)
    detector.network.to("meta")
    images = [torch.zeros(3, 300, 300, device="meta")] * 3
    boxes, labels = zip(*(CAT_AND_DOG, ONE_DOG, NOTHING), strict=True)
    with CountingCopies() as copies:
        detector.losses(images, boxes, labels)
    assert copies.shapes == [(3, 2, 4), (3, 2)]
