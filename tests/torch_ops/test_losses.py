"""`refdet.torch_ops.losses` against a loop over priors, and the faults it must not have."""

from __future__ import annotations

import math
from typing import NamedTuple

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor

from refdet.torch_ops import losses as module
from refdet.torch_ops.losses import MultiBoxLoss, confidence_loss, multibox_loss


class Batch(NamedTuple):
    """The arguments of `multibox_loss`, in its order."""

    class_logits: Tensor
    predicted_deltas: Tensor
    target_labels: Tensor
    target_deltas: Tensor
    positive: Tensor
    hard_negative: Tensor


def make_batch(
    seed: int, images: int = 2, priors: int = 7, classes: int = 3, share: float = 0.3
) -> Batch:
    """A random float64 batch in which about `share` of the priors are positive."""
    rng = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    def chance(probability: float) -> Tensor:
        return torch.rand(images, priors, generator=rng) < probability

    positive = chance(share)
    labels = torch.randint(1, classes + 1, (images, priors), generator=rng) * positive
    return Batch(
        class_logits=normal(images, priors, classes + 1) * 3,
        predicted_deltas=normal(images, priors, 4) * 2,
        target_labels=labels,
        target_deltas=normal(images, priors, 4) * 2,
        positive=positive,
        hard_negative=chance(0.4) & ~positive,
    )


# --- Oracle: plain Python, one prior at a time ---


def naive_cross_entropy(logits: list[float], label: int) -> float:
    return math.log(sum(math.exp(logit - logits[label]) for logit in logits))


def naive_smooth_l1(predicted: list[float], target: list[float]) -> float:
    offsets = [abs(p - t) for p, t in zip(predicted, target, strict=True)]
    return sum(d * d / 2 if d < 1 else d - 0.5 for d in offsets)


def naive_multibox(batch: Batch, alpha: float) -> tuple[float, float, float]:
    logits, predicted, labels, targets, positive, hard = (item.tolist() for item in batch)
    confidence = localization = 0.0
    n_positive = 0
    for image, row in enumerate(positive):
        for prior, is_positive in enumerate(row):
            if is_positive or hard[image][prior]:
                confidence += naive_cross_entropy(logits[image][prior], labels[image][prior])
            if is_positive:
                n_positive += 1
                localization += naive_smooth_l1(predicted[image][prior], targets[image][prior])
    confidence, localization = confidence / max(1, n_positive), localization / max(1, n_positive)
    return confidence + alpha * localization, confidence, localization


# --- Properties ---


@given(
    seed=st.integers(0, 999),
    images=st.integers(0, 3),
    priors=st.integers(0, 9),
    share=st.sampled_from([0.0, 0.3, 1.0]),
    alpha=st.sampled_from([0.0, 1.0, 2.5]),
)
@example(seed=0, images=0, priors=3, share=0.3, alpha=1.0)
@example(seed=0, images=2, priors=0, share=0.3, alpha=1.0)
@example(seed=0, images=2, priors=5, share=0.0, alpha=1.0)
@example(seed=0, images=1, priors=1, share=1.0, alpha=2.5)
def test_multibox_loss_equals_a_loop_over_priors(
    seed: int, images: int, priors: int, share: float, alpha: float
) -> None:
    batch = make_batch(seed, images, priors, share=share)
    want = naive_multibox(batch, alpha)
    got = multibox_loss(*batch, alpha=alpha)
    for value, wanted, name in zip(got, want, MultiBoxLoss._fields, strict=True):
        assert value.item() == pytest.approx(wanted, rel=1e-12, abs=1e-12), name


@given(seed=st.integers(0, 999), images=st.integers(0, 3), priors=st.integers(0, 9))
@example(seed=0, images=0, priors=3)
@example(seed=0, images=2, priors=0)
def test_confidence_loss_equals_a_loop_over_priors(seed: int, images: int, priors: int) -> None:
    batch = make_batch(seed, images, priors)
    got = confidence_loss(batch.class_logits, batch.target_labels)
    assert got.shape == (images, priors)
    for image in range(images):
        for prior in range(priors):
            logits = batch.class_logits[image, prior].tolist()
            want = naive_cross_entropy(logits, int(batch.target_labels[image, prior]))
            assert got[image, prior].item() == pytest.approx(want, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("classes", [1, 2, 6, 7, 8, 20])
@pytest.mark.parametrize("block_bytes", [1, 3000, 1 << 19])
def test_confidence_loss_of_any_number_of_classes_in_blocks_of_any_size(
    monkeypatch: pytest.MonkeyPatch, classes: int, block_bytes: int
) -> None:
    monkeypatch.setattr(module, "_BLOCK_BYTES", block_bytes)
    batch = make_batch(2, images=2, priors=37, classes=classes)
    logits, labels = batch.class_logits.flatten(0, 1).tolist(), batch.target_labels.flatten()
    want = [naive_cross_entropy(row, label) for row, label in zip(logits, labels, strict=True)]
    got = confidence_loss(batch.class_logits, batch.target_labels)
    assert got.flatten().tolist() == pytest.approx(want, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("classes", [1, 3, 6, 7, 20])
def test_equal_priors_have_equal_losses_wherever_they_lie(dtype: torch.dtype, classes: int) -> None:
    # Else which of equal negatives is the hardest would follow from how torch shares out the work.
    # It is one row in a hundred or so that torch computes otherwise where a vector is not full.
    for row in make_batch(3, images=1, priors=600, classes=classes).class_logits[0].to(dtype):
        logits = row.expand(3, 29, -1).contiguous()
        found = confidence_loss(logits, torch.zeros(3, 29, dtype=torch.int64))
        assert len(found.unique()) == 1


@pytest.mark.parametrize("classes", [3, 9])
def test_multibox_loss_has_the_right_gradient(classes: int) -> None:
    batch = make_batch(1, classes=classes)

    def parts(class_logits: Tensor, predicted_deltas: Tensor) -> tuple[Tensor, ...]:
        return tuple(multibox_loss(class_logits, predicted_deltas, *batch[2:], alpha=2.0))

    inputs = batch.class_logits.requires_grad_(), batch.predicted_deltas.requires_grad_()
    assert torch.autograd.gradcheck(parts, inputs)


# --- The first notebook's faults ---


def test_multibox_loss_sums_the_localisation_over_four_coordinates() -> None:
    """The first notebook takes the mean over them: a localisation loss four times too small."""
    batch = make_batch(2)._replace(target_deltas=torch.zeros(2, 7, 4, dtype=torch.float64))
    batch = batch._replace(predicted_deltas=torch.full_like(batch.target_deltas, 1.5))
    notebook = torch.nn.functional.smooth_l1_loss(
        batch.predicted_deltas[batch.positive], batch.target_deltas[batch.positive]
    )
    assert notebook.item() == 1.0  # 1.5 - 0.5, whatever the number of coordinates
    assert multibox_loss(*batch).localization.item() == 4.0


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_multibox_loss_of_a_batch_without_objects_is_0_and_trains_nothing(
    dtype: torch.dtype,
) -> None:
    """The first notebook divides by no positives: NaN, or a crash."""
    batch = make_batch(3, share=0.0)
    logits = batch.class_logits.to(dtype).requires_grad_()
    deltas = batch.predicted_deltas.to(dtype).requires_grad_()
    no_negatives = torch.zeros_like(batch.hard_negative)  # what hard_negative_mask gives here
    loss = multibox_loss(logits, deltas, *batch[2:5], no_negatives)
    assert [part.item() for part in loss] == [0, 0, 0]
    assert not any(gradient.any() for gradient in torch.autograd.grad(loss.total, [logits, deltas]))


# --- Dtypes, purity, errors ---


def test_multibox_loss_looks_only_at_rows_that_count() -> None:
    batch = make_batch(4)
    want = multibox_loss(*batch)
    idle = ~(batch.positive | batch.hard_negative)
    batch.class_logits[idle] = torch.nan
    batch.predicted_deltas[~batch.positive] = torch.nan
    batch.target_deltas[~batch.positive] = torch.inf
    leaves = batch.class_logits.requires_grad_(), batch.predicted_deltas.requires_grad_()
    got = multibox_loss(*batch)
    assert torch.equal(got.total, want.total)
    gradients = torch.autograd.grad(got.total, leaves)
    for gradient, unused in zip(gradients, (idle, ~batch.positive), strict=True):
        assert gradient.isfinite().all()
        assert not gradient[unused].any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_losses_of_half_precision_are_computed_in_float32(dtype: torch.dtype) -> None:
    """2,000 logits 300 apart: a sum past float16's 65,504, and past bfloat16's 8 bits."""
    logits = torch.tensor([0.0, 300.0], dtype=dtype).expand(1, 2000, 2)
    labels, deltas = torch.zeros(1, 2000, dtype=torch.int64), torch.zeros(1, 2000, 4, dtype=dtype)
    every = torch.ones(1, 2000, dtype=torch.bool)
    # One positive only, so that the sum is not divided.
    one = every & (torch.arange(2000) == 0)
    loss = multibox_loss(logits, deltas, labels, deltas, one, every)
    assert loss.total.dtype == torch.float32
    assert loss.confidence.item() == 600_000
    mined = confidence_loss(logits, labels)
    assert mined.dtype == torch.float32
    assert (mined == 300).all()


@pytest.mark.parametrize("name", ["class_logits", "predicted_deltas", "target_deltas"])
def test_multibox_loss_is_float64_in_every_part_if_an_input_is(name: str) -> None:
    batch = make_batch(2)
    narrow = {
        field: value.float()
        for field, value in batch._asdict().items()
        if field != name and value.is_floating_point()
    }
    loss = multibox_loss(*batch._replace(**narrow))
    assert [part.dtype for part in loss] == [torch.float64] * 3


def test_losses_leave_their_inputs_as_they_were() -> None:
    batch = make_batch(5)
    before = [item.clone() for item in batch]
    multibox_loss(*batch)
    confidence_loss(batch.class_logits, batch.target_labels)
    assert all(torch.equal(item, old) for item, old in zip(batch, before, strict=True))


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("class_logits", torch.int64),
        ("predicted_deltas", torch.int64),
        ("target_labels", torch.int32),
        ("target_deltas", torch.bool),
        ("positive", torch.uint8),
        ("hard_negative", torch.float64),
    ],
)
def test_multibox_loss_names_an_argument_of_a_wrong_dtype(name: str, dtype: torch.dtype) -> None:
    batch = make_batch(6)._asdict()
    batch[name] = batch[name].to(dtype)
    with pytest.raises(TypeError, match=f"{name} must be of (a floating )?dtype.* got {dtype}"):
        multibox_loss(**batch)


@pytest.mark.parametrize("name", Batch._fields)
def test_multibox_loss_names_an_argument_of_a_wrong_shape(name: str) -> None:
    batch = make_batch(7)._asdict()
    batch[name] = batch[name][0]
    with pytest.raises(ValueError, match=rf"{name} must have shape \("):
        multibox_loss(**batch)
