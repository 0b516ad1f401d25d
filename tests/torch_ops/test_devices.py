"""Every function of `refdet.torch_ops` that runs inside a training step, on every device.

On `meta`, a device without values, whoever looks at one fails: `.item()`, `nonzero` and indexing by
a mask raise there as they wait for a GPU. Only a GPU itself tells of copies from the host.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import pytest
import torch
from torch import Tensor

from refdet.conformance.adapter import Adapter, Arrays
from refdet.conformance.catalogue import CONTRACTS
from refdet.conformance.running import examples, run_target
from refdet.conformance.target import Target
from refdet.torch_ops import assign, boxes, codec, iou, losses, nms, sampling
from tests.targets import CORE, DEVICES, TORCH, Function

MODULES: tuple[ModuleType, ...] = (assign, boxes, codec, iou, losses, nms, sampling)
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
WEIGHTS = (10.0, 10.0, 5.0, 5.0)

# Areas past float16 and past int32, and a sum of corners past float16.
LARGE = torch.tensor([[0.0, 0, 60000, 60000], [40000, 0, 60000, 32], [512, 256, 1024, 1024]])
OTHERS = torch.tensor([[20000.0, 0, 60000, 30000], [40000, 8, 60000, 64], [512, 256, 1024, 1024]])
BATCH = torch.stack([LARGE, OTHERS, LARGE.flip(0)])
OVERLAPS = torch.tensor([[0.75, 0.5, 0.25], [0.75, 0.625, 0.0], [0.25, 0.75, 0.0], [0.5, 0.5, 0.5]])
LOGITS = torch.tensor([[[0.0, 300, -300], [2, 1, 0], [0, 0, 0]]]).repeat(2, 1, 1)
POSITIVE = torch.tensor([[True, False, False], [False, False, True]])
LABELS = POSITIVE.long()
DELTAS = torch.tensor([[0.5, -1.0, 2.0, 0.25]]).expand(2, 3, 4)

Arguments = tuple[object, ...]

CASES: dict[str, Arguments] = {
    "xywh_to_xyxy": (BATCH,),
    "xyxy_to_xywh": (BATCH,),
    "cxcywh_to_xyxy": (BATCH,),
    "xyxy_to_cxcywh": (BATCH,),
    "box_area": (BATCH,),
    "clip_boxes": (BATCH, 50000, 20000),
    "flip_boxes_horizontally": (BATCH, 60000),
    "flip_boxes_vertically": (BATCH, 60000),
    "iou_matrix": (LARGE, BATCH),
    "iou_paired": (LARGE, BATCH),
    "ioa_matrix": (LARGE, BATCH),
    "giou_matrix": (LARGE, BATCH),
    "diou_matrix": (LARGE, BATCH),
    "ciou_matrix": (LARGE, BATCH),
    "iou_matrix_inclusive": (LARGE, BATCH),
    "encode_boxes": (BATCH, LARGE, WEIGHTS),
    "decode_boxes": (DELTAS, LARGE, WEIGHTS, codec.MAX_LOG_SCALE),
    "assign_ssd": (torch.stack([OVERLAPS, 1 - OVERLAPS]), 0.5, POSITIVE | ~POSITIVE[0]),
    "assign_rcnn": (OVERLAPS, 0.625, 0.5, True, POSITIVE[0]),
    "hard_negative_mask": (LOGITS[..., 1], POSITIVE, 2.0),
    # All that there are, so that it does not matter which random numbers come.
    "balanced_sample": (POSITIVE, ~POSITIVE, 4, 0.5),
    "padded_soft_nms": (BATCH, OVERLAPS[:3], nms.SoftNMSDecay.LINEAR, 0.1),
    "confidence_loss": (LOGITS, LABELS),
    "multibox_loss": (LOGITS, DELTAS, LABELS, DELTAS * 0, POSITIVE, ~POSITIVE & (LABELS[0] > 0)),
    "generalized_iou_loss": (LARGE, BATCH),
    "distance_iou_loss": (LARGE, BATCH),
    "complete_iou_loss": (LARGE, BATCH),
}
FUNCTION = pytest.mark.parametrize("name", CASES)


def arguments(name: str, device: str, dtype: torch.dtype) -> Arguments:
    def moved(one: object) -> object:
        if not isinstance(one, Tensor):
            return one
        return one.to(device, dtype if one.is_floating_point() else None)

    return tuple(map(moved, CASES[name]))


def tensors(outcome: object) -> list[Tensor]:
    """A tensor, a tuple of them, or a dataclass of them."""
    found = [outcome] if isinstance(outcome, Tensor) else outcome
    found = found if isinstance(found, list | tuple) else vars(found).values()
    return [one for one in found if isinstance(one, Tensor)]


def test_every_function_of_a_training_step_is_here() -> None:
    defined = {
        name
        for name, value in TORCH.items()
        if value.__module__ in {module.__name__ for module in MODULES}
        and not isinstance(value, type)
        and not name.startswith("_")
    }
    assert defined == set(CASES) | set(WAITING_CASES)


@pytest.mark.parametrize("file", ["assign", "boxes", "codec", "iou", "nms", "sampling"])
def test_every_function_of_these_files_of_core_has_its_twin(file: str) -> None:
    def names(room: str, found: dict[str, Function]) -> set[str]:
        home = f"refdet.{room}.{file}"
        return {name for name, value in found.items() if value.__module__ == home}

    of_core = {name for name in names("core", CORE) if not name.startswith("_")}
    assert len(of_core) >= 2
    assert of_core <= names("torch_ops", TORCH)


@FUNCTION
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("device", DEVICES)
def test_functions_compute_in_float32_at_least(name: str, device: str, dtype: torch.dtype) -> None:
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    given = arguments(name, device, dtype)
    # The same numbers, in float64: what half precision cannot hold was rounded before.
    exactly = [
        one.cpu().double() if isinstance(one, Tensor) and one.is_floating_point() else one
        for one in (one.cpu() if isinstance(one, Tensor) else one for one in given)
    ]
    got, want = (tensors(TORCH[name](*one)) for one in (given, exactly))
    assert len(got) == len(want) > 0
    for value, wanted in zip(got, want, strict=True):
        assert value.device == torch.device(device)
        assert value.dtype == (wide if wanted.is_floating_point() else wanted.dtype)
        torch.testing.assert_close(value.cpu().to(wanted.dtype), wanted, rtol=1e-5, atol=1e-5)


@FUNCTION
def test_functions_look_at_no_value_where_that_would_wait(name: str) -> None:
    got = tensors(TORCH[name](*arguments(name, "meta", torch.float32)))
    want = tensors(TORCH[name](*arguments(name, "cpu", torch.float32)))
    assert [(one.shape, one.dtype) for one in got] == [(one.shape, one.dtype) for one in want]
    assert all(one.is_meta for one in got)


@pytest.mark.parametrize("name", ["iou_matrix", "multibox_loss", "complete_iou_loss"])
def test_gradients_look_at_no_value_either(name: str) -> None:
    given = arguments(name, "meta", torch.float32)
    leaves = [one.requires_grad_() for one in given[:2] if isinstance(one, Tensor)]
    first = tensors(TORCH[name](*given))[0]
    for gradient, leaf in zip(torch.autograd.grad(first.sum(), leaves), leaves, strict=True):
        assert gradient.shape == leaf.shape


@FUNCTION
@pytest.mark.parametrize("dynamic", [False, True], ids=["of-one-size", "of-any-size"])
def test_functions_are_compiled_to_one_graph(name: str, dynamic: bool) -> None:
    torch.compiler.reset()
    given = arguments(name, "cpu", torch.float32)
    compiled = torch.compile(TORCH[name], fullgraph=True, backend="eager", dynamic=dynamic)
    for got, want in zip(tensors(compiled(*given)), tensors(TORCH[name](*given)), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-6)


# What gives as many rows as there are, for which a host must wait. `test_nms_methods.py` counts how
# often it does.
MANY_CLASSES = BATCH.flatten(0, 1).repeat(2, 1), torch.arange(18.0), torch.arange(18) // 2
WAITING_CASES: dict[str, Arguments] = {
    "nms": (*MANY_CLASSES[:2], 0.5),
    "batched_nms": (*MANY_CLASSES, 0.5),
    "soft_nms": (*MANY_CLASSES[:2], nms.SoftNMSDecay.GAUSSIAN),
    "sanitize_boxes": (*MANY_CLASSES[::2], 50000, 20000),
}


@pytest.mark.parametrize("name", [*CASES, *WAITING_CASES])
def test_functions_keep_to_the_device_of_their_inputs_whatever_the_default(name: str) -> None:
    given = {**CASES, **WAITING_CASES}[name]
    want = tensors(TORCH[name](*given))
    with torch.device("meta"):
        got = tensors(TORCH[name](*given))
    torch.testing.assert_close(got, want, rtol=0, atol=0, equal_nan=True)


# --- What is done otherwise on a device than on a CPU ---


@pytest.fixture
def as_on_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way that has no data-dependent shapes: a compiled function takes it on a CPU, too."""
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)


@pytest.mark.usefixtures("as_on_a_device")
@pytest.mark.parametrize("name", ["assign_ssd", "assign_rcnn", "hard_negative_mask", "soft_nms"])
def test_contracts_hold_as_on_a_device(name: str) -> None:
    assert name in {contract.name for contract in CONTRACTS}
    adapter = Adapter(arrays=Arrays.TORCH, exact_errors=True, checks_values=False)
    with examples(30):
        outcomes = list(run_target(Target("as-on-a-device", name, TORCH[name], adapter)))
    assert [outcome.message for outcome in outcomes if not outcome.passes] == []


def random_batch(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """What `multibox_loss` takes, of 3 images with 400 priors, NaN in every row that is idle."""
    rng = torch.Generator().manual_seed(seed)
    positive = torch.rand(3, 400, generator=rng) < 0.02 * seed
    hard = (torch.rand(3, 400, generator=rng) < 0.06 * seed) & ~positive
    labels = torch.randint(1, 4, (3, 400), generator=rng) * positive
    logits = torch.randn(3, 400, 4, generator=rng).double()
    deltas, targets = torch.randn(2, 3, 400, 4, generator=rng).double()
    logits[~(positive | hard)], deltas[~positive], targets[~positive] = (torch.nan,) * 3
    return logits.requires_grad_(), deltas.requires_grad_(), labels, targets, positive, hard


@pytest.mark.parametrize("seed", range(4))
def test_multibox_loss_is_the_same_as_on_a_device(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = random_batch(seed)  # the first has no positive
    results = []
    for compiling in (False, True):
        monkeypatch.setattr(torch.compiler, "is_compiling", lambda compiling=compiling: compiling)
        loss = losses.multibox_loss(*batch)
        results.append([*loss, *torch.autograd.grad(loss.total, batch[:2])])
    assert all(one.isfinite().all() for one in results[1])
    torch.testing.assert_close(*results, rtol=1e-12, atol=1e-12)


# --- On a GPU ---


@contextmanager
def no_waiting() -> Iterator[None]:
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@FUNCTION
def test_functions_do_not_wait_for_a_gpu(name: str) -> None:
    given = arguments(name, "cuda", torch.float32)
    leaves = [one for one in given if isinstance(one, Tensor) and one.is_floating_point()]
    for leaf in leaves:
        leaf.requires_grad_()
    TORCH[name](*given)  # what is loaded at the first call may wait
    with no_waiting():
        found = [one for one in tensors(TORCH[name](*given)) if one.requires_grad]
        if found:
            total = torch.stack([one.sum() for one in found]).sum()
            torch.autograd.grad(total, leaves, allow_unused=True)
